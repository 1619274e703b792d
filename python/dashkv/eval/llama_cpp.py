"""llama.cpp through its C API, from the shared objects of an npm package (benchmarks/cpu/setup.sh)."""

import ctypes
import os
from ctypes import POINTER, c_bool, c_byte, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_void_p
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "cpu" / "node_modules"
PART = 512  # tokens of a part of a prompt


@ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
def SILENT(level, text, data):
    """Takes the messages of the library, which calls it as long as the process lives."""


class Missing(Exception):
    """A peer that is not installed."""


class Parameters(ctypes.Structure):
    """A struct of parameters: only where it starts is known, the rest is as the library fills it in."""

    _fields_ = [("n_ctx", c_uint32), ("n_batch", c_uint32), ("rest", c_byte * 1016)]


class Batch(ctypes.Structure):
    _fields_ = [("count", c_int32), ("pointers", c_void_p * 6)]


class LlamaCpp:
    """A model of llama.cpp with one sequence; the cache is in f16, its default."""

    def __init__(self, file: Path, tokens: int, threads: int):
        folder = Path(os.environ.get("DASHKV_BENCH_NODE_MODULES", FOLDER)) / "@node-llama-cpp/linux-x64/bins/linux-x64"
        found = sorted(folder.glob("libllama.v*.so"))
        if not found:
            raise Missing("the npm package @node-llama-cpp/linux-x64 is not installed")
        self.version = found[0].name.removeprefix("libllama.").removesuffix(".so")
        ctypes.CDLL(str(folder / "libggml-base.so"), ctypes.RTLD_GLOBAL)
        ggml = ctypes.CDLL(str(folder / f"libggml.{self.version}.so"), ctypes.RTLD_GLOBAL)
        ggml.ggml_backend_load_all_from_path(c_char_p(os.fsencode(folder)))
        self.lib = lib = ctypes.CDLL(str(found[0]))
        lib.llama_log_set(SILENT, None)
        lib.llama_backend_init()
        for name in ("llama_model_default_params", "llama_context_default_params"):
            getattr(lib, name).restype = Parameters
        for name in (
            "llama_model_load_from_file",
            "llama_init_from_model",
            "llama_get_memory",
            "llama_model_get_vocab",
        ):
            getattr(lib, name).restype = c_void_p
        lib.llama_batch_get_one.restype = Batch
        lib.llama_get_logits_ith.restype = POINTER(c_float)
        lib.llama_memory_seq_rm.restype = c_bool
        for name in ("llama_state_seq_get_size", "llama_state_seq_set_data"):
            getattr(lib, name).restype = c_size_t
        model = lib.llama_model_load_from_file(c_char_p(os.fsencode(file)), lib.llama_model_default_params())
        if not model:
            raise Missing(f"llama.cpp cannot load {file.name}")
        parameters = lib.llama_context_default_params()
        parameters.n_ctx, parameters.n_batch = tokens, PART
        self.context = c_void_p(lib.llama_init_from_model(c_void_p(model), parameters))
        lib.llama_set_n_threads(self.context, c_int32(threads), c_int32(threads))
        self.memory = c_void_p(lib.llama_get_memory(self.context))
        self.vocabulary = lib.llama_vocab_n_tokens(c_void_p(lib.llama_model_get_vocab(c_void_p(model))))

    def run(self, tokens: np.ndarray) -> int:
        """Appends tokens to the sequence; returns the most likely next one."""
        for start in range(0, len(tokens), PART):
            part = np.ascontiguousarray(tokens[start : start + PART], np.int32)
            batch = self.lib.llama_batch_get_one(c_void_p(part.ctypes.data), c_int32(len(part)))
            if self.lib.llama_decode(self.context, batch):
                raise RuntimeError("llama.cpp could not decode")
        logits = self.lib.llama_get_logits_ith(self.context, c_int32(-1))
        return int(np.ctypeslib.as_array(logits, (self.vocabulary,)).argmax())

    def copy(self, other: "LlamaCpp") -> None:
        """Takes over the sequence of a model of the same sizes."""
        size = other.lib.llama_state_seq_get_size(other.context, c_int32(0))
        data = ctypes.create_string_buffer(size)
        other.lib.llama_state_seq_get_data(other.context, data, c_size_t(size), c_int32(0))
        if not self.lib.llama_state_seq_set_data(self.context, data, c_size_t(size), c_int32(0)):
            raise RuntimeError("llama.cpp could not take over a sequence")

    def crop(self, tokens: int) -> None:
        """Keeps the first tokens."""
        if not self.lib.llama_memory_seq_rm(self.memory, c_int32(0), c_int32(tokens), c_int32(-1)):
            raise RuntimeError(f"llama.cpp could not shorten its cache to {tokens} tokens")


def dequantize(source: Path, target: Path) -> None:
    """Writes a GGUF file with the same weights in f32: what transformers computes with."""
    import gguf

    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    temporary = target.with_suffix(".part")
    writer = gguf.GGUFWriter(temporary, architecture)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind, *inner = field.types
        writer.add_key_value(name, field.contents(), kind, inner[-1] if inner else None)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(temporary, target)
