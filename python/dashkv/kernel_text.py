"""MLIR text of the standard steps of a model that keeps key codes; `dashkv.kernels` compiles and calls them.

Each step is one function on buffers: what it returns it writes into buffers of the caller. Heads, sizes of heads and
codes, and element types are constants of a kernel; batch B, rows M, keys N and all strides but the innermost are free.
Symbols as in docs/Dialect.md.
"""

from dataclasses import dataclass, fields

PLANE = 64  # keys of a block of byte planes
Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Tiering:
    """#dashkv.tiering: how many keys each tier takes and how they are chosen. None is the default of the dialect.

    Raises ValueError for fractions outside of 0 to 1, negative counts, and scopes and ties that there are not.
    """

    full: float = 0.05
    full_min: int = 128
    full_max: int | None = None
    mid: float = 0.0
    mid_min: int = 0
    mid_max: int | None = None
    sinks: int = 4
    window: int = 64
    scope: str = "group"
    ties: str = "lowest_index"
    bits_fraction: int = 2
    vote_threshold: int | None = None
    vote_fraction: float | None = None
    dense_below: int = 4096
    kept_votes: int = 1

    def __post_init__(self):
        for name in ("full", "mid", "vote_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"expected {name} of 0 to 100 %, but got {100 * value:g} %")
        for name in ("full_min", "full_max", "mid_min", "mid_max", "sinks", "window", "dense_below", "kept_votes"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 2**31:
                raise ValueError(f"expected {name} of at least 0 and below 2^31, but got {value}")
        for name, allowed in (("scope", ("group", "head")), ("ties", ("lowest_index", "newest", "inclusive"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"expected {name} of {', '.join(allowed)}, but got {getattr(self, name)}")

    @classmethod
    def parse(cls, text: str) -> "Tiering":
        """Reads fields as `dashkv-compile --tiering` takes them: "full=2%,scope=head", or "default".

        Raises ValueError for an unknown field and for a value that it cannot have.
        """
        kinds = {"full": float, "mid": float, "vote_fraction": float, "scope": str, "ties": str}
        names, values = [field.name for field in fields(cls)], {}
        for part in [] if text.strip() == "default" else text.split(","):
            name, _, value = (x.strip() for x in part.partition("="))
            if name not in names:
                raise ValueError(f"expected fields of a tiering ({', '.join(names)}), but got '{part.strip()}'")
            kind = kinds.get(name, int)
            try:
                values[name] = float(value[:-1]) / 100 if value.endswith("%") and kind is float else kind(value)
            except ValueError:
                wanted = "a fraction or a percentage" if kind is float else "an integer"
                raise ValueError(f"expected {wanted} for {name}, but got '{value}'") from None
        return cls(**values)

    @property
    def attribute(self) -> str:
        """MLIR of the attribute."""
        given = [(field.name, getattr(self, field.name)) for field in fields(self)]
        listed = (f"{n} = {x:.6f}" if isinstance(x, float) else f"{n} = {x}" for n, x in given if x is not None)
        return f"#dashkv.tiering<{', '.join(listed)}>"

    def capacity(self, keys: int) -> int:
        """The longest list of the full tier of a row that sees `keys` keys or fewer."""
        if self.ties == "inclusive":
            return keys
        most = keys if self.full_max is None else self.full_max
        budget = min(max(-(-round(self.full * 1_000_000) * keys // 1_000_000), self.full_min), most)
        return min(keys, budget + self.sinks + self.window)


@dataclass(frozen=True)
class Heads:
    """Attention shape of a layer: element type (f32, f16, bf16), heads Hq and Hkv, head sizes D and Dv."""

    dtype: str
    query: int
    kv: int
    size: int
    value_size: int

    @property
    def queries(self) -> str:
        return rows(self.dtype, self.query, self.size)

    @property
    def keys(self) -> str:
        return rows(self.dtype, self.kv, self.size)

    @property
    def values(self) -> str:
        return rows(self.dtype, self.kv, self.value_size)

    @property
    def outputs(self) -> str:
        return rows(self.dtype, self.query, self.value_size)


@dataclass(frozen=True)
class Encoding:
    """How queries become codes of L bits.

    levels: 1 packs a code, W makes it a weighted one. group: query heads that a code serves, 1 or G. weights: shapes of
    the query encoder's weights [Hc, in, out]; one is a linear map, three are an mlp with `activation` (relu, silu or
    tanh) between. planes: key codes are byte planes, else key-major.
    """

    bits: int
    levels: int
    group: int
    weights: tuple[Sizes, ...]
    activation: str | None
    planes: bool

    def query_codes(self, heads: Heads) -> str:
        size = self.bits // 8 if self.levels == 1 else self.bits
        return memref("i8", None, heads.query // self.group, None, size)


def key_codes(kv_heads: int, bits: int, planes: bool) -> str:
    """The codes of a KV head are contiguous: the kernels read them as words."""
    size = bits // 8
    if planes:
        return memref("i8", None, kv_heads, None, size, PLANE, strides=(None, None, size * PLANE, PLANE, 1))
    return memref("i8", None, kv_heads, None, size, strides=(None, None, size, 1))


@dataclass(frozen=True)
class Extras:
    """Which optional operands a step has. residual: shapes of the weights of the mlp, or of the one table."""

    votes: bool = False
    radius: bool = False
    prior: bool = False
    residual: tuple[Sizes, ...] = ()


def memref(element: str, *shape: int | None, strides: tuple[int | None, ...] = ()) -> str:
    """A memref type; sizes and strides that are None are free, without strides the buffer is row-major."""
    sizes = "".join(f"{free(size)}x" for size in shape)
    layout = f", strided<[{', '.join(map(free, strides))}], offset: ?>" if strides else ""
    return f"memref<{sizes}{element}{layout}>"


def rows(dtype: str, heads: int, size: int) -> str:
    """Contiguous rows that lie anywhere: [B, heads, any number, size]."""
    return memref(dtype, None, heads, None, size, strides=(None, None, None, 1))


def free(size: int | None) -> str:
    return "?" if size is None else str(size)


class Function:
    """A function that is being written: values by name, of which the first ones are arguments."""

    def __init__(self, name: str, **arguments: str):
        self.name, self.types, self.lines = name, dict(arguments), []
        self.arguments = list(arguments)

    def argument(self, name: str, type_: str) -> None:
        self.types[name] = type_
        self.arguments.append(name)

    def add(self, text: str) -> None:
        self.lines += ["  " + line for line in text.strip("\n").splitlines()]

    def size(self, name: str, of: str, dim: int) -> None:
        self.add(f"%{name}_dim = arith.constant {dim} : index")
        self.add(f"%{name} = memref.dim %{of}, %{name}_dim : {self.types[of]}")

    def buffer(self, name: str, type_: str, *sizes: str) -> None:
        """A temporary; the compiler frees it."""
        self.types[name] = type_
        self.add(f"%{name} = memref.alloc({', '.join('%' + size for size in sizes)}) : {type_}")

    def group(self, keyword: str, *names: str) -> str:
        """`keyword(%a, %b : type, type)`, or nothing without names."""
        if not names:
            return ""
        types = ", ".join(self.types[name] for name in names)
        return f" {keyword}({', '.join('%' + name for name in names)} : {types})"

    def __str__(self) -> str:
        listed = ", ".join(f"%{name}: {self.types[name]}" for name in self.arguments)
        return "\n".join([f"func.func @{self.name}({listed}) {{", *self.lines, "  return", "}", ""])


def attention(heads: Heads, causal: bool, scale: float | None) -> str:
    """Exact attention: (q, k, v, lengths, out)."""
    f = Function("attention", q=heads.queries, k=heads.keys, v=heads.values, lengths=memref("i32", None))
    f.argument("out", heads.outputs)
    f.add(
        f"dashkv.attention{' causal' if causal else ''}{f.group('ins', 'q', 'k', 'v')}{f.group('lengths', 'lengths')}"
        f"{f.group('outs', 'out')}{attributes(scale=scale)}"
    )
    return str(f)


def encode_keys(dtype: str, kv_heads: int, head_size: int, bits: int, planes: bool) -> str:
    """Codes of new keys, written at their places: (k, weight, bias, starts, codes).

    Key m of sequence b is key starts[b] + m of the codes.
    """
    f = Function(
        "encode_keys",
        k=rows(dtype, kv_heads, head_size),
        weight=memref("f32", kv_heads, head_size, bits),
        bias=memref("f32", kv_heads, bits),
        starts=memref("i32", None),
        codes=key_codes(kv_heads, bits, planes),
    )
    size = bits // 8
    f.size("batch", "k", 0)
    f.size("rows", "k", 2)
    f.buffer("new", memref("i8", None, kv_heads, None, size), "batch", "rows")
    f.add(
        f"dashkv.hash_encode linear{f.group('ins', 'k')}{f.group('weights', 'weight')}{f.group('biases', 'bias')}"
        f"{f.group('outs', 'new')}"
    )
    place = "%block, %j, %lane" if planes else "%n, %j"
    f.add(f"""
%zero = arith.constant 0 : index
%one = arith.constant 1 : index
%plane = arith.constant {PLANE} : index
%heads = arith.constant {kv_heads} : index
%bytes = arith.constant {size} : index
scf.for %b = %zero to %batch step %one {{
  %start_i32 = memref.load %starts[%b] : {f.types["starts"]}
  %start = arith.index_cast %start_i32 : i32 to index
  scf.for %h = %zero to %heads step %one {{
    scf.for %m = %zero to %rows step %one {{
      %n = arith.addi %start, %m : index
      %block = arith.divui %n, %plane : index
      %lane = arith.remui %n, %plane : index
      scf.for %j = %zero to %bytes step %one {{
        %byte = memref.load %new[%b, %h, %m, %j] : {f.types["new"]}
        memref.store %byte, %codes[%b, %h, {place}] : {f.types["codes"]}
      }}
    }}
  }}
}}""")
    return str(f)


def retrieve(heads: Heads, encoding: Encoding, extras: Extras, tiering: Tiering) -> str:
    """Lists of the full tier: (q, codes, lengths, query encoder, extras, indices, counts)."""
    f = Function(
        "retrieve",
        q=heads.queries,
        codes=key_codes(heads.kv, encoding.bits, encoding.planes),
        lengths=memref("i32", None),
    )
    encode_queries(f, heads, encoding, "")
    retrieval = calibration(f, heads, encoding, extras)
    lists = heads.query if tiering.scope == "head" else heads.kv
    f.argument("indices", memref("i32", None, lists, None, None))
    f.argument("counts", memref("i32", None, lists, None))
    f.buffer("threshold", memref("i32", None, lists, None), "batch", "rows")
    f.add(
        f"dashkv.retrieve{f.group('codes', 'query_codes', 'codes')}{retrieval}"
        f"{f.group('outs', 'indices', 'counts', 'threshold')}{attributes(tiering=tiering.attribute)}"
    )
    return str(f)


def decode(heads: Heads, encoding: Encoding, extras: Extras, tiering: Tiering, scale: float | None, kept: bool) -> str:
    """Query encoding and tiered attention: (q, k, v, codes, lengths, query encoder, extras, scoring, out[, kept])."""
    f = Function(
        "decode",
        q=heads.queries,
        k=heads.keys,
        v=heads.values,
        codes=key_codes(heads.kv, encoding.bits, encoding.planes),
    )
    f.argument("lengths", memref("i32", None))
    scored = bool(tiering.mid or tiering.mid_min)
    scales = "code_scale" if scored and encoding.levels > 1 else ""
    encode_queries(f, heads, encoding, scales)
    operands = calibration(f, heads, encoding, extras)
    activation = None
    if scored:
        operands += f.group("code_scale", *([scales] if scales else []))
        operands += scoring(f, heads, extras.residual)
        activation = f"#dashkv.activation<{encoding.activation}>" if len(extras.residual) > 1 else None
    f.argument("out", heads.outputs)
    if kept:
        f.argument("kept", memref("i1", None, None))
    f.add(
        f"dashkv.tiered_attention{f.group('ins', 'q', 'k', 'v')}{f.group('codes', 'query_codes', 'codes')}{operands}"
        f"{f.group('outs', 'out')}{f.group('kept', *(['kept'] if kept else []))}"
        f"{attributes(tiering=tiering.attribute, scale=scale, activation=activation)}"
    )
    return str(f)


def encode_queries(f: Function, heads: Heads, encoding: Encoding, scales: str) -> None:
    """Adds the encoder's arguments, `query_codes` and, if it is to have a name, the scales of weighted codes."""
    weights = [f"query_weight{i}" for i in range(len(encoding.weights))]
    biases = [f"query_bias{i}" for i in range(len(encoding.weights))]
    for name, shape in zip(weights, encoding.weights, strict=True):
        f.argument(name, memref("f32", *shape))
    for name, shape in zip(biases, encoding.weights, strict=True):
        f.argument(name, memref("f32", *shape[:-2], shape[-1]))
    f.size("batch", "q", 0)
    f.size("rows", "q", 2)
    f.buffer("query_codes", encoding.query_codes(heads), "batch", "rows")
    if scales:
        f.buffer(scales, memref("f32", None, heads.query // encoding.group, None), "batch", "rows")
    mlp = len(weights) > 1
    given = attributes(
        activation=f"#dashkv.activation<{encoding.activation}>" if mlp else None,
        group=f"{encoding.group} : i64" if encoding.group > 1 else None,
        levels=f"{encoding.levels} : i64" if encoding.levels > 1 else None,
    )
    f.add(
        f"dashkv.hash_encode {'mlp' if mlp else 'linear'}{f.group('ins', 'q')}{f.group('weights', *weights)}"
        f"{f.group('biases', *biases)}{f.group('outs', 'query_codes')}"
        f"{f.group('code_scale', *([scales] if scales else []))}{given}"
    )


def calibration(f: Function, heads: Heads, encoding: Encoding, extras: Extras) -> str:
    """Adds arguments for votes and the prior; returns the operands of the op from `lengths` on."""
    count = heads.query // encoding.group
    operands = f.group("lengths", "lengths")
    if extras.prior:
        f.argument("prior", memref("i1", None, None))
        operands += f.group("prior", "prior")
    for name in ("vote_discount", "prior_discount"):
        if extras.votes if name == "vote_discount" else extras.prior:
            f.argument(name, memref("i16", count))
            operands += f.group(name, name)
    if extras.radius:
        # One radius a head in the file; the op takes one a row.
        f.argument("head_radius", memref("i32", count))
        f.buffer("radius", memref("i32", None, count, None), "batch", "rows")
        f.add(
            f"linalg.broadcast ins(%head_radius : {f.types['head_radius']}) outs(%radius : {f.types['radius']})"
            f" dimensions = [0, 2]"
        )
        operands += f.group("radius", "radius")
    return operands


def scoring(f: Function, heads: Heads, residual: tuple[Sizes, ...]) -> str:
    """Adds arguments of the mid tier; returns its operands. A residual of one shape is a table."""
    for name in ("temperature", "bias"):
        f.argument(name, memref("f32", heads.query))
    operands = f.group("scoring", "temperature", "bias")
    if len(residual) == 1:
        f.argument("table", memref("f32", *residual[0]))
        return operands + f.group("table", "table")
    weights, biases = ([f"residual_{kind}{i}" for i in range(len(residual))] for kind in ("weight", "bias"))
    for name, shape in zip(weights, residual, strict=True):
        f.argument(name, memref("f32", *shape))
    for name, shape in zip(biases, residual, strict=True):
        f.argument(name, memref("f32", *shape[:-2], shape[-1]))
    return operands + f.group("mlp", *weights) + f.group("biases", *biases)


def attributes(scale: float | None = None, **given: str | None) -> str:
    """The attribute dictionary of an op, without those that are None."""
    listed = [f"{name} = {text}" for name, text in given.items() if text is not None]
    if scale is not None:
        listed.append(f"scale = {scale:.9e} : f32")
    return f" {{{', '.join(listed)}}}" if listed else ""
