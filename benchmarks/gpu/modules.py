"""MLIR of what the GPU benchmark and the tests of kernels compile: one function `step` of one or two dashkv ops.

Batch and cache length are dynamic, so that one compilation serves all sizes.
"""

from dataclasses import dataclass, field

DEPTH = 128
HIDDEN = 256  # of the mlp encoder, as in the paper
LEVELS = 7


@dataclass(frozen=True)
class Form:
    """What a kernel set depends on. `kind` is the function below that writes it."""

    kind: str
    group: int = 4
    kv_heads: int = 8
    bits: int = 64
    codes: str = "weighted"  # or packed
    dtype: str = "bf16"
    scope: str = "group"
    full: float = 0.02
    mid: float = 0.0
    rows: int = 1
    ties: str = "lowest_index"
    lengths: bool = True
    kept: bool = False
    encode: str = ""  # linear or mlp: query codes are made by the step
    depth: int = DEPTH
    dense_below: int = 4096
    votes: bool = False
    prior: bool = False
    forced: bool = False
    page: int = 0  # rows of a page of a paged cache, -1 for a dynamic number

    @property
    def heads(self):
        return self.kv_heads * self.group

    @property
    def code_heads(self):
        return self.kv_heads if self.codes == "weighted" and self.scope == "group" else self.heads

    @property
    def code_bytes(self):
        return self.bits if self.codes == "weighted" else self.bits // 8

    @property
    def name(self):
        default = Form(self.kind)
        parts = [self.kind]
        for key in self.__dataclass_fields__:
            value = getattr(self, key)
            if key != "kind" and value != getattr(default, key):
                parts.append(key if value is True else f"{key}={value}")
        return " ".join(parts)


def tensor(*shape):
    """The last item is the element type."""
    return f"tensor<{'x'.join(map(str, shape))}>"


@dataclass
class Module:
    """`arguments` and `results` are names in order; a result that is not here is no result."""

    text: str
    arguments: list
    results: list


@dataclass
class Writer:
    """Collects arguments, lines and results of the function."""

    form: Form
    arguments: dict = field(default_factory=dict)
    lines: list = field(default_factory=list)
    results: dict = field(default_factory=dict)

    def argument(self, name, *shape):
        self.arguments[name] = tensor(*shape)
        return self.arguments[name]

    def empty(self, name, *shape):
        """A destination; dynamic dims are the batch."""
        dynamic = "%batch" if shape[0] == "?" else ""
        self.lines.append(f"%{name} = tensor.empty({dynamic}) : {tensor(*shape)}")
        return tensor(*shape)

    def module(self):
        parameters = ", ".join(f"%{name}: {type_}" for name, type_ in self.arguments.items())
        body = "".join(f"  {line}\n" for line in self.lines)
        names, types = ", ".join("%" + x for x in self.results), ", ".join(self.results.values())
        size = ""
        if "%batch" in body:
            first, type_ = next((n, t) for n, t in self.arguments.items() if t.startswith("tensor<?x"))
            size = f"  %zero = arith.constant 0 : index\n  %batch = tensor.dim %{first}, %zero : {type_}\n"
        text = f"func.func @step({parameters}) -> ({types}) {{\n{size}{body}  return {names} : {types}\n}}\n"
        return Module(text, list(self.arguments), list(self.results))


def write(form):
    writer = Writer(form)
    globals()[f"write_{form.kind}"](writer, form)
    return writer.module()


def element(form):
    return {"f8": "f8E4M3FN"}.get(form.dtype, form.dtype)


def attention_operands(w, f):
    query_type = "f16" if f.dtype == "f8" else f.dtype
    q = w.argument("q", "?", f.heads, f.rows, f.depth, query_type)
    keys = f.page if f.page > 0 else "?"
    k = w.argument("k", "?", f.kv_heads, keys, f.depth, element(f))
    w.argument("v", "?", f.kv_heads, keys, f.depth, element(f))
    return q, k


def which_keys(w, f, lengths):
    """Operands that say which keys there are and where."""
    return options(w, f, lengths=lengths and ("?", "i32"), block_table=f.page and ("?", "?", "i32"))


def options(w, f, **shapes):
    """Operands in parentheses after a keyword: optional ones that the form has."""
    text = ""
    for keyword, shape in shapes.items():
        if shape:
            text += f" {keyword}(%{keyword} : {w.argument(keyword, *shape)})"
    return text


def scales(w, f):
    if f.dtype != "f8":
        return ""
    type_ = w.argument("k_scale", f.kv_heads, "f32")
    w.argument("v_scale", f.kv_heads, "f32")
    return f" kv_scales(%k_scale, %v_scale : {type_}, {type_})"


def tiering(f):
    fields = {"full": f.full}
    if f.mid:
        fields["mid"] = f.mid
    if f.scope != "group":
        fields["scope"] = f.scope
    if f.ties != "lowest_index":
        fields["ties"] = f.ties
    if f.dense_below != 4096:
        fields["dense_below"] = f.dense_below
    return f"tiering = #dashkv.tiering<{', '.join(f'{k} = {v}' for k, v in fields.items())}>"


def write_exact(w, f):
    q, k = attention_operands(w, f)
    keys = which_keys(w, f, f.lengths)
    scaled = scales(w, f)
    out = w.empty("init", "?", f.heads, f.rows, f.depth, "f16" if f.dtype == "f8" else f.dtype)
    causal = "causal " if f.rows > 1 else ""
    w.lines.append(f"%out = dashkv.attention {causal}ins(%q, %k, %v : {q}, {k}, {k}){keys}{scaled} outs(%init : {out})")
    w.results["out"] = out


def encoder(w, f, source, type_):
    """Query codes out of the queries."""
    if f.encode == "linear":
        sizes = (f.depth * (f.group if f.codes == "weighted" else 1), f.bits)
    else:
        sizes = (f.depth, HIDDEN, HIDDEN, f.bits)
    weights = [w.argument(f"w{i}", *sizes[i : i + 2], "f32") for i in range(len(sizes) - 1)]
    biases = [w.argument(f"b{i}", size, "f32") for i, size in enumerate(sizes[1:])]
    codes = w.empty("ci", "?", f.code_heads, f.rows, f.code_bytes, "i8")
    attributes = []
    if f.encode == "mlp":
        attributes.append("activation = #dashkv.activation<silu>")
    if f.codes == "weighted":
        attributes.append(f"levels = {LEVELS} : i64")
    if f.code_heads != f.heads:
        attributes.append(f"group = {f.group} : i64")
    names = [", ".join(f"%{x}{i}" for i in range(len(weights))) for x in "wb"]
    w.lines.append(
        f"%qc = dashkv.hash_encode {f.encode} ins(%{source} : {type_}) weights({names[0]} : {', '.join(weights)}) "
        f"biases({names[1]} : {', '.join(biases)}) outs(%ci : {codes}) {{{', '.join(attributes)}}}"
    )
    return codes


def codes_of(w, f):
    qc = w.argument("qc", "?", f.code_heads, f.rows, f.code_bytes, "i8")
    return qc, w.argument("kc", "?", f.kv_heads, "?", f.bits // 8, "i8")


def discounts(w, f):
    return options(
        w,
        f,
        forced=f.forced and ("?", "?", "i1"),
        prior=f.prior and ("?", "?", "i1"),
        vote_discount=f.votes and (f.code_heads, "i16"),
        prior_discount=f.prior and (f.code_heads, "i16"),
    )


def write_tiered(w, f):
    q, k = attention_operands(w, f)
    if f.encode:
        kc = w.argument("kc", "?", f.kv_heads, "?", f.bits // 8, "i8")
        qc = encoder(w, f, "q", q)
        w.results["qc"] = qc
    else:
        qc, kc = codes_of(w, f)
    operands = which_keys(w, f, f.lengths) + discounts(w, f)
    if f.mid:
        heads = w.argument("temperature", f.heads, "f32")
        w.argument("bias", f.heads, "f32")
        operands += f" scoring(%temperature, %bias : {heads}, {heads})"
    operands += scales(w, f)
    out = w.empty("init", "?", f.heads, f.rows, f.depth, "f16" if f.dtype == "f8" else f.dtype)
    kept, results = "", "%out"
    if f.kept:
        type_ = w.argument("kept_init", "?", "?", "i1")
        kept, results = f" kept(%kept_init : {type_})", "%out_kept:2"
    w.lines.append(
        f"{results} = dashkv.tiered_attention ins(%q, %k, %v : {q}, {k}, {k}) codes(%qc, %kc : {qc}, {kc})"
        f"{operands} outs(%init : {out}){kept} {{{tiering(f)}}}"
    )
    w.results = ({"out_kept#0": out, "out_kept#1": type_} if f.kept else {"out": out}) | w.results


def write_encode(w, f):
    q = w.argument("q", "?", f.heads, f.rows, f.depth, f.dtype)
    w.results["qc"] = encoder(w, f, "q", q)


def write_scan(w, f):
    qc, kc = codes_of(w, f)
    distances = w.argument("d", "?", f.code_heads, f.rows, "?", "i8")
    w.lines.append(f"%out = dashkv.hamming_distance ins(%qc, %kc : {qc}, {kc}) outs(%d : {distances})")
    w.results["out"] = distances


def write_retrieve(w, f):
    qc, kc = codes_of(w, f)
    operands = options(w, f, lengths=f.lengths and ("?", "i32")) + discounts(w, f)
    lists = f.heads if f.scope == "head" else f.kv_heads
    indices = w.argument("indices", "?", lists, f.rows, "?", "i32")
    counts = w.argument("counts", "?", lists, f.rows, "i32")
    w.argument("thresholds", "?", lists, f.rows, "i32")
    w.lines.append(
        f"%out:3 = dashkv.retrieve codes(%qc, %kc : {qc}, {kc}){operands} "
        f"outs(%indices, %counts, %thresholds : {indices}, {counts}, {counts}) {{{tiering(f)}}}"
    )
    w.results = {"out#0": indices, "out#1": counts, "out#2": counts}


def write_gather(w, f):
    """Attention over given lists: what reads rows."""
    q, k = attention_operands(w, f)
    lists = f.heads if f.scope == "head" else f.kv_heads
    indices = w.argument("indices", "?", lists, f.rows, "?", "i32")
    counts = w.argument("counts", "?", lists, f.rows, "i32")
    acc = w.argument("acc", "?", f.heads, f.rows, f.depth, "f32")
    top = w.argument("top", "?", f.heads, f.rows, "f32")
    w.argument("sum", "?", f.heads, f.rows, "f32")
    w.lines.append(
        f"%out:3 = dashkv.online_attention ins(%q, %k, %v : {q}, {k}, {k}) "
        f"list(%indices, %counts : {indices}, {counts}){which_keys(w, f, False)} outs(%acc, %top, %sum : {acc}, {top}, {top})"
    )
    w.results = {"out#0": acc, "out#1": top, "out#2": top}


def write_finalize(w, f):
    acc = w.argument("acc", "?", f.heads, f.rows, f.depth, "f32")
    top = w.argument("top", "?", f.heads, f.rows, "f32")
    w.argument("sum", "?", f.heads, f.rows, "f32")
    out = w.empty("init", "?", f.heads, f.rows, f.depth, f.dtype)
    w.lines.append(f"%out = dashkv.finalize ins(%acc, %top, %sum : {acc}, {top}, {top}) outs(%init : {out})")
    w.results["out"] = out


def write_merge(w, f):
    parts = ("?", f.heads, f.rows)
    accs = w.argument("accs", "?", *parts, f.depth, "f32")
    tops = w.argument("tops", "?", *parts, "f32")
    w.argument("sums", "?", *parts, "f32")
    acc = w.argument("acc", *parts, f.depth, "f32")
    top = w.argument("top", *parts, "f32")
    w.argument("sum", *parts, "f32")
    w.lines.append(
        f"%out:3 = dashkv.merge ins(%accs, %tops, %sums : {accs}, {tops}, {tops}) "
        f"outs(%acc, %top, %sum : {acc}, {top}, {top})"
    )
    w.results = {"out#0": acc, "out#1": top, "out#2": top}
