"""dashkv.compile on arrays of NumPy, PyTorch and DLPack."""

import gc
import subprocess
import sys
import threading

import ml_dtypes
import numpy as np
import pytest
import torch

import dashkv
from dashkv import _arrays, _ffi, gpu, reference

pytestmark = pytest.mark.usefixtures("library")

# A sum and a cache that is updated in place.
CACHE = """
func.func @main(%cache: tensor<4xf32> {dashkv.role = "cache"}, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %sum = linalg.add ins(%cache, %x : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %first = tensor.extract_slice %x[0] [1] [1] : tensor<4xf32> to tensor<1xf32>
  %new = tensor.insert_slice %first into %cache[3] [1] [1] : tensor<1xf32> into tensor<4xf32>
  return %sum, %new : tensor<4xf32>, tensor<4xf32>
}
"""

# Twice the argument, for any element type and layout.
DOUBLE = """
func.func @main(%x: tensor<?x?x{0}>) -> tensor<?x?x{0}> {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x?x{0}>
  %m = tensor.dim %x, %c1 : tensor<?x?x{0}>
  %e = tensor.empty(%n, %m) : tensor<?x?x{0}>
  %r = linalg.add ins(%x, %x : tensor<?x?x{0}>, tensor<?x?x{0}>) outs(%e : tensor<?x?x{0}>) -> tensor<?x?x{0}>
  return %r : tensor<?x?x{0}>
}}
"""

# The same on strided memory of the caller.
BUFFERS = """
func.func @main(%x: memref<?x?xf32, strided<[?, 1], offset: ?>> {dashkv.role = "in"},
    %y: memref<?x?xf32, strided<[?, ?], offset: ?>>) {
  linalg.add ins(%x, %x : memref<?x?xf32, strided<[?, 1], offset: ?>>, memref<?x?xf32, strided<[?, 1], offset: ?>>)
    outs(%y : memref<?x?xf32, strided<[?, ?], offset: ?>>)
  return
}
"""

ATTENTION = """
func.func @main(%q: tensor<1x4x1x64x{0}>, %k: memref<1x2x?x64x{0}, strided<[?, ?, ?, 1], offset: ?>>,
    %v: memref<1x2x?x64x{0}, strided<[?, ?, ?, 1], offset: ?>>) -> tensor<1x4x1x64x{0}> {{
  %kt = bufferization.to_tensor %k restrict
    : memref<1x2x?x64x{0}, strided<[?, ?, ?, 1], offset: ?>> to tensor<1x2x?x64x{0}>
  %vt = bufferization.to_tensor %v restrict
    : memref<1x2x?x64x{0}, strided<[?, ?, ?, 1], offset: ?>> to tensor<1x2x?x64x{0}>
  %e = tensor.empty() : tensor<1x4x1x64x{0}>
  %r = dashkv.attention ins(%q, %kt, %vt : tensor<1x4x1x64x{0}>, tensor<1x2x?x64x{0}>, tensor<1x2x?x64x{0}>)
    outs(%e : tensor<1x4x1x64x{0}>) {{scale = 0.125 : f32}}
  return %r : tensor<1x4x1x64x{0}>
}}
"""

SCALARS = """
func.func @main(%a: f32, %b: i8, %c: i1, %d: index, %e: f64) -> tensor<4xf64> {
  %0 = arith.extf %a : f32 to f64
  %1 = arith.sitofp %b : i8 to f64
  %2 = arith.uitofp %c : i1 to f64
  %i = arith.index_cast %d : index to i64
  %3 = arith.sitofp %i : i64 to f64
  %4 = arith.addf %3, %e : f64
  %r = tensor.from_elements %0, %1, %2, %4 : tensor<4xf64>
  return %r : tensor<4xf64>
}
"""


@pytest.fixture(scope="module")
def cache_kernel():
    return dashkv.compile(CACHE)


@pytest.fixture(scope="module")
def buffers():
    return dashkv.compile(BUFFERS)


@pytest.fixture(scope="module")
def double():
    return dashkv.compile(DOUBLE.format("f32"))


def arrays():
    return np.arange(4, dtype=np.float32), np.full(4, 10, np.float32)


# --- What a kernel is ---


def test_signature(cache_kernel, buffers):
    cache, x = cache_kernel.arguments
    assert cache == dashkv.Parameter("tensor", "tensor<4xf32>", "f32", (4,), None, "cache", None, True)
    assert x == dashkv.Parameter("tensor", "tensor<4xf32>", "f32", (4,), None, "", None, False)
    assert [result.alias for result in cache_kernel.results] == [None, 0]
    first, second = buffers.arguments
    assert (first.kind, first.shape, first.strides, first.role) == ("buffer", (None, None), (None, 1), "in")
    assert (second.strides, second.written, first.written) == ((None, None), True, False)
    assert repr(cache_kernel) == (
        "<dashkv.Kernel main(cache: tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)>"
    )


def test_reads_files_and_text(tmp_path):
    file = tmp_path / "cache.mlir"
    file.write_text(CACHE)
    assert dashkv.compile(file).name == dashkv.compile(str(file)).name == dashkv.compile(CACHE).name == "main"
    with pytest.raises(FileNotFoundError):
        dashkv.compile("missing.mlir")


def test_finds_the_entry():
    module = dashkv.Module(CACHE.replace("@main", "@a") + CACHE.replace("@main", "@b"))
    assert module.functions == ["a", "b"] and module.find("b").name == "b"
    with pytest.raises(dashkv.Error, match=r"expected a public function with a body as entry \(a, b\), but got 'main'"):
        module.find()
    with pytest.raises(dashkv.Error, match=r"entry \(it has none\), but got 'main'"):
        dashkv.compile("module {}")


def test_keeps_code_on_disk(tmp_path):
    assert [dashkv.Module(CACHE, cache=tmp_path).from_cache for _ in range(2)] == [False, True]
    assert any(tmp_path.iterdir())
    kernel = dashkv.compile(CACHE, cache=tmp_path)
    assert kernel.module.from_cache and kernel.arguments[0].written and kernel.results[1].alias == 0
    assert not dashkv.compile(CACHE, cache=False).module.from_cache
    file = tmp_path / "file"
    file.write_text("")
    with pytest.warns(UserWarning, match="cannot write the cache"):
        dashkv.compile(CACHE, cache=file)


# --- Calls ---


def test_updates_in_place(cache_kernel):
    cache, x = arrays()
    total, new = cache_kernel(cache, x)
    assert new is cache and cache.tolist() == [0, 1, 2, 10] and total.tolist() == [10, 11, 12, 13]
    cache, x = map(torch.from_numpy, arrays())
    total, new = cache_kernel(cache, x)
    assert new is cache and cache.tolist() == [0, 1, 2, 10] and torch.equal(total, torch.tensor([10.0, 11, 12, 13]))


def test_prepared_calls(cache_kernel):
    cache, x = arrays()
    call = cache_kernel.prepare(cache, x)
    first, _ = call()
    x += 1
    second, new = call()
    assert new is cache and first.tolist() == [10, 11, 12, 13] and second.tolist() == [11, 12, 13, 21]


@pytest.mark.parametrize(
    "mlir, numpy",
    [("f64", np.float64), ("f32", np.float32), ("f16", np.float16), ("i8", np.int8), ("i16", np.int16)]
    + [("i32", np.int32), ("i64", np.int64)],
)
def test_element_types(mlir, numpy):
    kernel = dashkv.compile(DOUBLE.format(mlir))
    x = np.arange(6).reshape(2, 3).astype(numpy)
    assert (kernel(x) == 2 * x).all() and kernel(x).dtype == numpy
    result = kernel(torch.from_numpy(x))
    assert result.dtype == torch.from_numpy(x).dtype and (result.numpy() == 2 * x).all()
    if np.dtype(numpy).kind == "i":
        unsigned = x.astype(f"u{x.dtype.itemsize}")
        assert kernel(unsigned).dtype == numpy  # MLIR's integers have no sign


def test_bf16_and_f8_and_bool():
    kernel = dashkv.compile(DOUBLE.format("bf16"))
    x = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    assert torch.equal(kernel(x), 2 * x)
    bits = x.view(torch.int16).numpy().view(np.uint16)
    assert (kernel(bits) == (2 * x).view(torch.int16).numpy().view(np.uint16)).all()
    assert (kernel(bits.view(ml_dtypes.bfloat16)) == kernel(bits)).all()
    same = dashkv.compile("func.func @f(%x: tensor<3xf8E4M3FN>, %y: tensor<2xi1>) -> (tensor<3xf8E4M3FN>, tensor<2xi1>) {"
                          " return %x, %y : tensor<3xf8E4M3FN>, tensor<2xi1> }")  # fmt: skip
    f8, flags = torch.tensor([1.0, 2, 3]).to(torch.float8_e4m3fn), torch.tensor([True, False])
    assert same(f8, flags) == (f8, flags) or same(f8, flags)[0] is f8
    assert same(np.zeros(3, np.uint8), np.ones(2, bool))[1].dtype == np.bool_


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
def test_attention_on_strided_caches(kind):
    """Caches as [batch, keys, heads, size] with room to grow, seen as [batch, heads, keys, size]: nothing is copied."""
    kernel = dashkv.compile(ATTENTION.format(kind))
    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[kind]
    generator = torch.Generator().manual_seed(0)
    q = torch.randn(1, 4, 1, 64, generator=generator).to(dtype)
    room = torch.randn(2, 1, 100, 2, 64, generator=generator).to(dtype)
    k, v = room.transpose(2, 3)[:, :, :, :77]
    assert not k.is_contiguous()
    want, _ = reference.attention(*(x[0].double().numpy() for x in (q, k, v)), np.ones((1, 77), bool))
    got = kernel(q, k, v)
    assert got.dtype == dtype and np.abs(got[0].double().numpy() - want).max() < {"f32": 1e-5}.get(kind, 2e-2)


def test_strided_buffers(buffers):
    base = np.arange(60, dtype=np.float32).reshape(6, 10)
    out = np.zeros((4, 10), np.float32)
    assert buffers(base[1:5, 2:6], out[:, 1:9:2]) == ()
    assert (out[:, 1:9:2] == 2 * base[1:5, 2:6]).all() and (out[:, ::2] == 0).all()
    out = torch.zeros(4, 4)
    assert buffers(torch.from_numpy(base)[::2][:3, :4].expand(3, 4), out.t()[:3]) == ()
    assert (out.t()[:3].numpy() == 2 * base[::2][:3, :4]).all()
    # A stride of one column says nothing, but the type asks for 1.
    column, out = base[:, 3:4].T.T, np.zeros((6, 1), np.float32)
    buffers(np.lib.stride_tricks.as_strided(column, strides=(40, 24)), out)
    assert (out == 2 * column).all()


def test_dense_whatever_the_strides_of_small_sizes(double):
    x = np.lib.stride_tricks.as_strided(np.arange(3, dtype=np.float32), (1, 3), (400, 4))
    assert double(x).tolist() == [[0, 2, 4]] and double(torch.from_numpy(x)).tolist() == [[0, 2, 4]]
    assert double(np.zeros((0, 3), np.float32)).shape == (0, 3)
    assert double(torch.zeros(5, 0)).shape == (5, 0)


def test_scalars():
    kernel = dashkv.compile(SCALARS)
    assert kernel(0.5, -3, True, 7, 0.25).tolist() == [0.5, -3, 1, 7.25]
    assert kernel(np.float32(0.5), np.int8(-3), np.bool_(0), np.int64(7), 1).tolist() == [0.5, -3, 0, 8]
    assert kernel(1, 2, torch.tensor(True), 3, 4.0).tolist() == [1, 2, 1, 7]
    with pytest.raises(TypeError, match=r"expected argument 1 of 'main' to be a number of type i8, but got 1.5"):
        kernel(0.5, 1.5, True, 7, 0.0)
    with pytest.raises(ValueError, match=r"expected argument 1 of 'main' to be in the range of i8, but got 300"):
        kernel(0.5, 300, True, 7, 0.0)
    with pytest.raises(TypeError, match=r"argument 2 of 'main' to be a number of type i1, but got 1"):
        kernel(0.5, 3, 1, 7, 0.0)
    with pytest.raises(dashkv.Error, match=r"expected argument 0 of 'f' to be of a type that Python has numbers of"):
        dashkv.compile("func.func @f(%a: bf16) { return }")


class Exporter:
    """An array that only DLPack reads; it refuses keywords if it is old."""

    def __init__(self, array, old=False, device=(1, 0)):
        self.array, self.old, self.device = array, old, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **keywords):
        if self.old and keywords:
            raise TypeError("expected no keywords")
        return self.array.__dlpack__(**keywords)


@pytest.mark.parametrize("old", [False, True])
def test_dlpack(double, cache_kernel, old):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert (double(Exporter(x, old)) == 2 * x).all()
    assert (double(Exporter(torch.from_numpy(x), old)) == 2 * x).all()
    bf16 = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3)
    kernel = dashkv.compile(DOUBLE.format("bf16"))
    assert (kernel(Exporter(bf16, old)) == kernel(bf16).view(torch.int16).numpy().view(np.uint16)).all()
    cache, x = arrays()
    exporter = Exporter(cache, old)
    assert cache_kernel(exporter, x)[1] is exporter and cache[3] == 10


def test_array_interface(double):
    class Holder:
        def __init__(self, array):
            self.__array_interface__ = array.__array_interface__

    x = np.ones((2, 2), np.float32)
    assert double(Holder(x)).tolist() == [[2, 2], [2, 2]]


def test_results_own_their_memory(double):
    freed = []
    free = double._free
    double._free = lambda memory: (freed.append(memory), free(memory))
    try:
        part = double(np.ones((100, 3), np.float32))[50:]
        tensor = double(torch.ones(4, 4))[2:]
        gc.collect()
        assert not freed and (part == 2).all() and (tensor == 2).all()
        del part, tensor
        gc.collect()
        assert len(freed) == 2
    finally:
        double._free = free


def test_a_value_returned_twice():
    text = DOUBLE.format("f32").replace("-> tensor<?x?xf32> {", "-> (tensor<?x?xf32>, tensor<?x?xf32>) {")
    kernel = dashkv.compile(
        text.replace("return %r : tensor<?x?xf32>", "return %r, %r : tensor<?x?xf32>, tensor<?x?xf32>")
    )
    first, second = kernel(np.ones((3, 3), np.float32))
    first += 1
    assert (first == 3).all() and (second == 2).all()


def test_threads(double):
    x = np.random.default_rng(0).standard_normal((64, 64), np.float32)
    wrong = []

    def work():
        kernel = dashkv.compile(DOUBLE.format("f32"), cache=False)
        for i in range(200):
            if not (double(x[: i % 64 + 1]) == 2 * x[: i % 64 + 1]).all() or not (kernel(x) == 2 * x).all():
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_tiered_attention_with_threads(layer):
    """Tiered attention of a real layer, of which 100 % of the keys are read, is exact attention."""
    text = """
func.func @main(%q: tensor<1x9x1x64xf32>, %k: tensor<1x3x?x64xf32>, %v: tensor<1x3x?x64xf32>) -> tensor<1x9x1x64xf32> {
  %e = tensor.empty() : tensor<1x9x1x64xf32>
  %r = dashkv.attention ins(%q, %k, %v : tensor<1x9x1x64xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>)
    outs(%e : tensor<1x9x1x64xf32>) {scale = 0.125 : f32}
  return %r : tensor<1x9x1x64xf32>
}"""
    q, k, v = (np.ascontiguousarray(layer[name][None], np.float32) for name in "qkv")
    q = np.ascontiguousarray(q[:, :, -1:])
    codes = reference.pack(reference.linear(k[0], layer["key_weight"], layer["key_bias"])).view(np.int8)[None]
    weight, bias = layer["query_weight"].astype(np.float32), layer["query_bias"].astype(np.float32)
    exact = dashkv.compile(text)(q, k, v)
    kernel = dashkv.compile(text, tiering="full=100%,dense_below=0", workers=2)
    assert [x.role for x in kernel.arguments[3:]] == ["key_codes", "query_encoder.weight", "query_encoder.bias"]
    assert np.abs(kernel(q, k, v, codes, weight, bias) - exact).max() < 1e-5
    few = dashkv.compile(text, tiering="full=10%,dense_below=0", tiering_options="levels=7")
    got = few(q, k, v, codes, weight, bias)
    assert 1e-4 < np.linalg.norm(got - exact) / np.linalg.norm(exact) < 0.5


# --- Errors ---


def test_compile_errors():
    with pytest.raises(dashkv.Error, match=r"module.mlir:2:3: error: custom op 'oops' is unknown"):
        dashkv.compile("func.func @f() {\n  oops }")
    with pytest.raises(dashkv.Error, match="error: expected attention that can be tiered, but found none"):
        dashkv.compile(CACHE, tiering="full=2%")
    with pytest.raises(dashkv.Error, match="error: cannot read the tiering: .*'200%'"):
        dashkv.compile(CACHE, tiering="full=200%")
    with pytest.raises(dashkv.Error, match="error: expected native, a CPU that LLVM knows .* but got 'z80'"):
        dashkv.compile(CACHE, target="z80")
    with pytest.raises(TypeError, match="expected options among .*workers.*, but got speed"):
        dashkv.emit(CACHE, "mlir", speed=9)
    with pytest.raises(TypeError, match="expected options among .*, but got speed"):
        dashkv.compile(CACHE, speed=9)
    with pytest.raises(ValueError, match="expected lowering of vector, linalg, but got fast"):
        dashkv.compile(CACHE, lowering="fast")
    with pytest.raises(dashkv.Error, match="tensors of floats or integers as results, but got 'f32'"):
        dashkv.compile("func.func @f(%a: f32) -> f32 { return %a : f32 }")
    with pytest.warns(UserWarning, match="remark: .*dashkv"):
        dashkv.compile(ATTENTION.format("f32"), remarks=True)


@pytest.mark.parametrize("as_array", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_wrong_arrays(cache_kernel, double, as_array):
    cache, x = map(as_array, arrays())
    with pytest.raises(TypeError, match=r"expected 2 arguments of 'main' \(0 cache, 1 tensor<4xf32>\), but got 1"):
        cache_kernel(cache)
    wide = as_array(np.zeros(4, np.float64))
    with pytest.raises(
        TypeError,
        match=r"expected argument 0 \(cache\) of 'main' to be tensor<4xf32> \(float32\), but got float64\[4\]",
    ):
        cache_kernel(wide, x)
    with pytest.raises(
        ValueError, match=r"expected argument 0 \(cache\) of 'main' to be tensor<4xf32>, but got sizes \[3\]"
    ):
        cache_kernel(cache[:3], x)
    with pytest.raises(ValueError, match=r"to be tensor<4xf32>, but got float32\[1, 4\]"):
        cache_kernel(cache[None], x)
    with pytest.raises(ValueError, match=r"but got sizes \[4, 4\] and strides \[1, 4\]"):
        double(as_array(np.zeros((4, 4), np.float32)).T)
    assert cache.tolist() == [0, 1, 2, 3]  # nothing was called


def test_strides_that_a_type_does_not_allow(buffers):
    x = np.zeros((4, 8), np.float32)
    with pytest.raises(
        ValueError,
        match=r"argument 0 \(in\) .* strided<\[\?, 1\], offset: \?>>, but got sizes \[4, 4\] and strides \[8, 2\]",
    ):
        buffers(x[:, ::2], x[:, ::2])
    record = np.zeros(4, np.dtype([("a", np.float32), ("b", np.int8)]))["a"]
    with pytest.raises(
        ValueError, match=r"argument 0 \(in\) of 'main': expected strides that are multiples of 4 bytes, but got \(5,\)"
    ):
        buffers(record, x)


def test_misaligned_memory(double):
    x = np.frombuffer(bytearray(33), np.uint8)[1:].view(np.float32).reshape(2, 4)
    with pytest.raises(ValueError, match="at the odd address 0x"):
        double(x)


def test_read_only_arrays(cache_kernel):
    cache, x = arrays()
    cache_kernel(cache, x)  # a layout that is known changes nothing
    x.flags.writeable = cache.flags.writeable = False
    with pytest.raises(
        ValueError, match=r"expected argument 0 \(cache\) of 'main' to be writable, because the function"
    ):
        cache_kernel(cache, x)
    with pytest.raises(ValueError, match="to be writable"):
        cache_kernel(Exporter(cache), x)
    assert cache_kernel(cache.copy(), x)[0].tolist() == [10, 11, 12, 20]


def test_gradients_and_devices(cache_kernel, double):
    x = torch.ones(2, 2)
    double(x)
    x.requires_grad_()
    with pytest.raises(
        TypeError, match=r"argument 0 of 'main': expected a tensor without requires_grad, or torch.no_grad\(\)"
    ):
        double(x)
    with torch.no_grad():
        assert double(x).tolist() == [[2, 2], [2, 2]]
    with pytest.raises(
        TypeError, match="argument 0 of 'main': expected a dense tensor on the CPU, but got one of .* on meta"
    ):
        double(torch.ones(2, 2, device="meta"))
    with pytest.raises(TypeError, match="expected a dense tensor on the CPU, but got one of torch.sparse_coo"):
        double(torch.ones(2, 2).to_sparse())
    with pytest.raises(TypeError, match=r"call resolve_conj\(\) and resolve_neg\(\)"):
        double(torch.ones(2, 2, dtype=torch.complex64).conj().imag)
    with pytest.raises(TypeError, match="expected an array in the memory of the CPU, but got one on DLPack device 2:3"):
        double(Exporter(np.ones((2, 2), np.float32), device=(2, 3)))


def test_what_is_no_array(double):
    with pytest.raises(
        TypeError, match="argument 0 of 'main': expected a NumPy array, a tensor of PyTorch or an object with"
    ):
        double([[1.0, 2.0]])
    with pytest.raises(TypeError, match=r"but got >f4\[2, 2\]"):
        double(np.ones((2, 2), ">f4"))
    with pytest.raises(TypeError, match="expected a DLPack array of numbers, but got type code 5"):
        double(Exporter(np.ones((2, 2), np.complex64)))


def test_runtime_checks():
    """A check that fails says so and ends the process."""
    text = CACHE.replace("%x: tensor<4xf32>)", "%y: tensor<?xf32>)")
    text = text.replace("  %e =", "  %x = tensor.cast %y : tensor<?xf32> to tensor<4xf32>\n  %e =", 1)
    program = f"""
import dashkv, numpy as np
kernel = dashkv.compile('''{text}''', runtime_checks=True, cache=False)
kernel(np.zeros(4, np.float32), np.zeros(4, np.float32))
print("right", flush=True)
kernel(np.zeros(4, np.float32), np.zeros(3, np.float32))
print("wrong")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "right\n")
    assert "error: run-time check failed: " in done.stderr


def test_silent_failure(monkeypatch):
    monkeypatch.setattr(_ffi.load(), "dashkvGetMessages", lambda: b"")
    with pytest.raises(dashkv.Error, match="expected a diagnostic of what failed"):
        dashkv.compile("oops")


def test_missing_library(monkeypatch, tmp_path):
    monkeypatch.setenv("DASHKV_LIBRARY", str(tmp_path / "none.so"))
    with pytest.raises(_ffi.LibraryError, match="expected libdashkv.so, but found none in .*none.so"):
        _ffi.find_library()
    broken = tmp_path / "broken.so"
    broken.write_text("")
    monkeypatch.setenv("DASHKV_LIBRARY", str(broken))
    with pytest.raises(_ffi.LibraryError, match="cannot load .*broken.so: .*; it needs the Debian package"):
        _ffi.load.__wrapped__()


# --- Products ---


def test_products():
    text = ATTENTION.format("f32")
    assert b"dashkv.attention" in dashkv.emit(text, "mlir")
    assert dashkv.emit(text, "obj", target="x86-64-v3")[:4] == b"\x7fELF"
    assert b"_mlir_ciface_main" in dashkv.emit(text, "header")
    with pytest.raises(ValueError, match="expected emit of mlir, steps, .* but got poem"):
        dashkv.emit(text, "poem")
    for workers in (0, "two"):
        with pytest.raises(ValueError, match=f"expected workers of at least 1, but got {workers}"):
            dashkv.compile(text, workers=workers)
    with pytest.raises(dashkv.Error, match="expected a GPU target .* for --emit=ptx, but got native"):
        dashkv.emit(text, "ptx")


def test_gpu_bundles(build_dir, monkeypatch):
    monkeypatch.setenv("DASHKV_LAUNCHER", str(build_dir / "lib" / "libdashkv_launcher.so"))
    text = """
func.func @main(%acc: tensor<?x4x1x64xf32> {dashkv.role = "acc"}, %max: tensor<?x4x1xf32>,
    %sum: tensor<?x4x1xf32>, %init: tensor<?x4x1x64xf16>) -> tensor<?x4x1x64xf16> {
  %out = dashkv.finalize ins(%acc, %max, %sum : tensor<?x4x1x64xf32>, tensor<?x4x1xf32>, tensor<?x4x1xf32>)
    outs(%init : tensor<?x4x1x64xf16>)
  return %out : tensor<?x4x1x64xf16>
}"""
    bundle = dashkv.compile(text, target="sm_90a")
    assert isinstance(bundle, gpu.Bundle) and bundle.functions == ["main"]
    assert bundle.signature()[0][0].role == "acc"
    with pytest.raises(TypeError, match="expected no entry of a GPU bundle"):
        dashkv.compile(text, target="sm_90a", entry="main")
    with pytest.raises(gpu.LauncherError, match="expected a kernel bundle"):
        gpu.Bundle.read(b"nothing")
    assert b"registers" in dashkv.emit(text, "report", target="sm_90a")


def test_dtype_names_cover_each_other():
    assert set(_arrays.ACCEPTED) == set(_arrays.NUMPY) >= set(_arrays.TORCH)
