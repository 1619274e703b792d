"""Small kernels in PTX: random data, and the rates at which the GPU reads in order and by rows."""

from ctypes import c_uint32, c_uint64

THREADS = 256
UNROLL = 8
ROW_BYTES = 256  # of the gather: 128 values of 16 bits

HEAD = """.version 7.0
.target sm_80
.address_size 64
"""

# Word i becomes (hash(i, seed) & and) | or.
FILL = """
.visible .entry fill(.param .u64 pointer, .param .u64 words, .param .u32 seed, .param .u32 and, .param .u32 or)
{
  .reg .pred %p<2>;
  .reg .b32 %r<16>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [pointer];
  ld.param.u64 %rd2, [words];
  ld.param.u32 %r1, [seed];
  ld.param.u32 %r2, [and];
  ld.param.u32 %r3, [or];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r4, %ctaid.x;
  mov.u32 %r5, %tid.x;
  mov.u32 %r6, %ntid.x;
  mov.u32 %r7, %nctaid.x;
  mad.wide.u32 %rd3, %r4, %r6, 0;
  cvt.u64.u32 %rd4, %r5;
  add.u64 %rd3, %rd3, %rd4;
  mul.wide.u32 %rd5, %r6, %r7;
LOOP:
  setp.ge.u64 %p1, %rd3, %rd2;
  @%p1 bra DONE;
  cvt.u32.u64 %r8, %rd3;
  shr.u64 %rd6, %rd3, 32;
  cvt.u32.u64 %r9, %rd6;
  mad.lo.u32 %r8, %r9, 0x27d4eb2f, %r8;
  xor.b32 %r8, %r8, %r1;
  shr.u32 %r9, %r8, 16;
  xor.b32 %r8, %r8, %r9;
  mul.lo.u32 %r8, %r8, 0x85ebca6b;
  shr.u32 %r9, %r8, 13;
  xor.b32 %r8, %r8, %r9;
  mul.lo.u32 %r8, %r8, 0xc2b2ae35;
  shr.u32 %r9, %r8, 16;
  xor.b32 %r8, %r8, %r9;
  and.b32 %r8, %r8, %r2;
  or.b32 %r8, %r8, %r3;
  shl.b64 %rd7, %rd3, 2;
  add.u64 %rd7, %rd1, %rd7;
  st.global.u32 [%rd7], %r8;
  add.u64 %rd3, %rd3, %rd5;
  bra LOOP;
DONE:
  ret;
}
"""


def reading(addresses):
    """UNROLL loads of 16 bytes from %rd10.. on, and their exclusive or in %r1."""
    text = "".join(
        f"  ld.global.nc.v4.u32 {{%r{20 + 4 * i}, %r{21 + 4 * i}, %r{22 + 4 * i}, %r{23 + 4 * i}}}, [{address}];\n"
        for i, address in enumerate(addresses)
    )
    return text + "".join(f"  xor.b32 %r1, %r1, %r{20 + i};\n" for i in range(4 * len(addresses)))


# All vectors of 16 bytes, each thread UNROLL at a time; `vectors` is a multiple of UNROLL * threads.
READ = f"""
.visible .entry read(.param .u64 pointer, .param .u64 vectors, .param .u64 out)
{{
  .reg .pred %p<3>;
  .reg .b32 %r<64>;
  .reg .b64 %rd<32>;
  ld.param.u64 %rd1, [pointer];
  ld.param.u64 %rd2, [vectors];
  ld.param.u64 %rd3, [out];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd3, %rd3;
  mov.u32 %r1, 0;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %tid.x;
  mov.u32 %r4, %nctaid.x;
  mul.wide.u32 %rd4, %r2, {UNROLL * THREADS};
  cvt.u64.u32 %rd5, %r3;
  add.u64 %rd4, %rd4, %rd5;
  mul.wide.u32 %rd6, %r4, {UNROLL * THREADS};
LOOP:
  setp.ge.u64 %p1, %rd4, %rd2;
  @%p1 bra DONE;
  shl.b64 %rd7, %rd4, 4;
  add.u64 %rd7, %rd1, %rd7;
{reading([f"%rd7+{16 * THREADS * i}" for i in range(UNROLL)])}  add.u64 %rd4, %rd4, %rd6;
  bra LOOP;
DONE:
  setp.ne.u32 %p2, %r1, 0x12345678;
  @%p2 bra END;
  st.global.u32 [%rd3], %r1;
END:
  ret;
}}
"""

# Rows lists[y][i] of ROW_BYTES of head y of K and V; 16 threads a row, UNROLL / 2 rows of each at a time.
GATHER = (
    f"""
.visible .entry gather(.param .u64 keys, .param .u64 values, .param .u64 lists, .param .u32 count,
                       .param .u64 bytes, .param .u64 out)
{{
  .reg .pred %p<3>;
  .reg .b32 %r<64>;
  .reg .b64 %rd<48>;
  ld.param.u64 %rd1, [keys];
  ld.param.u64 %rd2, [values];
  ld.param.u64 %rd3, [lists];
  ld.param.u32 %r2, [count];
  ld.param.u64 %rd4, [bytes];
  ld.param.u64 %rd5, [out];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  cvta.to.global.u64 %rd3, %rd3;
  cvta.to.global.u64 %rd5, %rd5;
  mov.u32 %r1, 0;
  mov.u32 %r3, %ctaid.y;
  cvt.u64.u32 %rd6, %r3;
  mul.lo.u64 %rd7, %rd6, %rd4;
  add.u64 %rd1, %rd1, %rd7;
  add.u64 %rd2, %rd2, %rd7;
  mul.wide.u32 %rd8, %r3, %r2;
  shl.b64 %rd8, %rd8, 2;
  add.u64 %rd3, %rd3, %rd8;
  mov.u32 %r4, %tid.x;
  and.b32 %r5, %r4, 15;
  mul.wide.u32 %rd9, %r5, 16;
  add.u64 %rd1, %rd1, %rd9;
  add.u64 %rd2, %rd2, %rd9;
  shr.u32 %r6, %r4, 4;
  mov.u32 %r7, %ctaid.x;
  mad.lo.u32 %r6, %r7, {THREADS // 16 * UNROLL // 2}, %r6;
  mov.u32 %r8, %nctaid.x;
  mul.lo.u32 %r8, %r8, {THREADS // 16 * UNROLL // 2};
LOOP:
  setp.ge.u32 %p1, %r6, %r2;
  @%p1 bra DONE;
"""
    + "".join(
        f"""  add.u32 %r9, %r6, {THREADS // 16 * i};
  sub.u32 %r10, %r2, 1;
  min.u32 %r9, %r9, %r10;
  mul.wide.u32 %rd10, %r9, 4;
  add.u64 %rd10, %rd3, %rd10;
  ld.global.nc.u32 %r{11 + i}, [%rd10];
"""
        for i in range(UNROLL // 2)
    )
    + "".join(
        f"""  mul.wide.u32 %rd{20 + 2 * i}, %r{11 + i}, {ROW_BYTES};
  add.u64 %rd{21 + 2 * i}, %rd2, %rd{20 + 2 * i};
  add.u64 %rd{20 + 2 * i}, %rd1, %rd{20 + 2 * i};
"""
        for i in range(UNROLL // 2)
    )
    + f"""{reading([f"%rd{20 + i}" for i in range(UNROLL)])}  add.u32 %r6, %r6, %r8;
  bra LOOP;
DONE:
  setp.ne.u32 %p2, %r1, 0x12345678;
  @%p2 bra END;
  st.global.u32 [%rd5], %r1;
END:
  ret;
}}
"""
)


class Probe:
    def __init__(self, driver):
        self.driver = driver
        module = driver.load(HEAD + FILL + READ + GATHER)
        self.kernels = {name: driver.function(module, name) for name in ("fill", "read", "gather")}
        self.out = driver.allocate(16)
        self.grid = 8 * driver.multiprocessors

    def fill(self, pointer, size, seed, mask, bits):
        """Random words at `pointer`: bits outside of `mask` are those of `bits`."""
        words = -(-size // 4)
        arguments = [c_uint64(pointer), c_uint64(words), c_uint32(seed), c_uint32(mask), c_uint32(bits)]
        grid = min(self.grid, -(-words // THREADS))
        self.driver.launch(self.kernels["fill"], (grid, 1), THREADS, arguments)

    def read(self, pointer, size):
        """Reads `size` bytes in order; returns how many it really reads."""
        step = UNROLL * THREADS
        vectors = size // 16 // step * step
        arguments = [c_uint64(pointer), c_uint64(vectors), c_uint64(self.out)]
        self.driver.launch(self.kernels["read"], (max(1, min(self.grid, vectors // step)), 1), THREADS, arguments)
        return 16 * vectors

    def gather(self, keys, values, lists, count, head_bytes, heads):
        """Reads the listed rows of K and V of all heads."""
        each = THREADS // 16 * UNROLL // 2
        grid = max(1, min(-(-count // each), self.grid // heads))
        pointers = [c_uint64(x) for x in (keys, values, lists)]
        arguments = [*pointers, c_uint32(count), c_uint64(head_bytes), c_uint64(self.out)]
        self.driver.launch(self.kernels["gather"], (grid, heads), THREADS, arguments)
        return 2 * ROW_BYTES * count * heads
