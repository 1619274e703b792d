"""What is measured: shapes, rows, and the bytes that each must read."""

from dataclasses import dataclass, fields, replace

from modules import DEPTH, Form

KEYS = (131072, 32768, 1048576)
SINKS_AND_WINDOW, FULL_MIN = 68, 128


@dataclass(frozen=True)
class Case:
    """One decode step of one layer."""

    keys: int
    batch: int
    group: int
    kv_heads: int = 8
    dtype: str = "bf16"

    @property
    def heads(self):
        return self.group * self.kv_heads

    @property
    def cache_bytes(self):
        """Of K, and of V."""
        return self.batch * self.kv_heads * self.keys * DEPTH * 2

    @property
    def code_bytes(self):
        return self.batch * self.kv_heads * self.keys * 8

    @property
    def label(self):
        return f"{count(self.keys)} keys, batch {self.batch}, groups of {self.group}"


@dataclass(frozen=True)
class Row:
    """One line of the table; `form` is None for the rows of others."""

    system: str  # dashkv, probe, torch, flashinfer
    label: str
    form: Form | None = None
    overlap: bool = True  # programmatic dependent launch


def count(number):
    """8192 as 8K, 1048576 as 1M."""
    if number % (1 << 20) == 0:
        return f"{number >> 20}M"
    return f"{number >> 10}K" if number % 1024 == 0 else str(number)


def forms(kv_heads, group):
    """All that the rows of one group size need, by label."""

    def form(kind, **more):
        return Form(kind, group=group, kv_heads=kv_heads, **more)

    tiered = form("tiered", encode="linear")
    return {
        "exact": form("exact"),
        "tiered 2 %": tiered,
        "tiered 5 %": replace(tiered, full=0.05),
        "tiered 2 % + mid 5 %": replace(tiered, mid=0.05),
        "tiered 2 %, mlp encoder": replace(tiered, encode="mlp", codes="packed"),
        "retrieve 2 %": form("retrieve"),
        "scan": form("scan", lengths=False),
        "gather 2 %": form("gather", lengths=False),
        "encode": form("encode", encode="linear", lengths=False),
    }


def rows(case):
    """The rows of a case in the order of the table."""
    made = forms(case.kv_heads, case.group)
    return [
        Row("probe", "read codes"),
        Row("probe", "gather rows 2 %"),
        Row("torch", "torch SDPA cuDNN"),
        Row("torch", "torch SDPA flash"),
        Row("flashinfer", "FlashInfer"),
        *(Row("dashkv", f"dashkv {label}", form) for label, form in made.items()),
        Row("dashkv", "dashkv tiered 2 %, launches in turn", made["tiered 2 %"], overlap=False),
    ]


def plan(keys=KEYS, batches=(1, 8), groups=(4, 8), kv_heads=8):
    """Cases, the ones that targets are stated for first."""
    return [Case(n, b, g, kv_heads) for g in groups for n in keys for b in batches]


def listed(form, keys):
    """Keys in the full list, and in the mid list."""
    forced = min(SINKS_AND_WINDOW, keys)
    full = min(max(-(-round(form.full * 1e6) * keys // 1_000_000), FULL_MIN), keys - forced)
    return forced + full, min(-(-round(form.mid * 1e6) * keys // 1_000_000), keys - forced - full)


def traffic(case, row):
    """Bytes that a step of this row must read: codes in order, and rows of K and V."""
    row_bytes = case.batch * case.kv_heads * DEPTH * 2
    if row.label == "read codes" or (row.form and row.form.kind in ("scan", "retrieve")):
        return case.code_bytes
    if row.label == "gather rows 2 %":
        return 2 * row_bytes * listed(Form("gather"), case.keys)[0]
    if row.form is None or row.form.kind == "exact":
        return 2 * case.cache_bytes
    if row.form.kind == "encode":
        return case.group * DEPTH * row.form.bits * 4
    full, mid = listed(row.form, case.keys)
    return row_bytes * (2 * full + mid) + (0 if row.form.kind == "gather" else case.code_bytes)


def from_dict(cls, made):
    """A dataclass out of JSON."""
    return cls(**{f.name: made[f.name] for f in fields(cls)})
