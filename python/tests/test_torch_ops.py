"""Operators of dashkv in PyTorch: they survive torch.export and torch.compile, and say what they write."""

import pytest

torch = pytest.importorskip("torch")

from dashkv import kernels
from dashkv.encoders import Encoder
from dashkv.torch import ops

MODEL = {"model_type": "llama", "layers": 1, "query_heads": 4, "kv_heads": 2, "head_size": 32, "rope_theta": 1e4}
TIERING = "full=5%,full_min=16,sinks=2,window=8,dense_below=0"


@pytest.fixture(scope="module")
def layer():
    return kernels.Layer.of(Encoder.random(MODEL), 0)


class Step(torch.nn.Module):
    """Encodes the newest key and attends."""

    def __init__(self, layer):
        super().__init__()
        self.key = [ops.tensor(x) for x in (layer.parameters.key_weight, layer.parameters.key_bias)]
        self.encoder = ops.encoder_arguments(layer)

    def forward(self, q, new, k, v, codes, lengths):
        torch.ops.dashkv.encode_keys(new, *self.key, codes, lengths - 1)
        options = {"want_kept": True, **self.encoder}
        out, kept = torch.ops.dashkv.tiered_attention(q, k, v, codes, lengths, TIERING, **options)
        return out + torch.ops.dashkv.attention(q, k, v, lengths), kept


def arguments(blocks=6, batch=2):
    """Sequences of one key less than there is room for, the newest not yet encoded."""
    torch.manual_seed(blocks)
    keys = 64 * blocks
    q, k, v = (torch.randn(batch, heads, n, 32) for heads, n in ((4, 1), (2, keys), (2, keys)))
    lengths = torch.full((batch,), keys - 1, dtype=torch.int32)
    codes = torch.randint(0, 256, (batch, 2, blocks, 8, 64), dtype=torch.uint8)
    return q, k[:, :, keys - 2 : keys - 1].clone(), k, v, codes, lengths


def run(step, *given):
    """Results, and the codes that the step has written."""
    given = [x.clone() for x in given]
    with torch.no_grad():
        return *step(*given), given[4]


def equal(got, want):
    return all(torch.equal(x, y) for x, y in zip(got, want, strict=True))


def test_operators_keep_their_contracts(layer):
    q, new, k, v, codes, lengths = arguments()
    key = Step(layer).key
    torch.library.opcheck(ops.encode_keys, (new, *key, codes, lengths - 1))
    torch.library.opcheck(ops.attention, (q, k, v, lengths))
    encoder = ops.encoder_arguments(layer)
    for kept in (False, True):
        options = {"want_kept": kept, **encoder}
        torch.library.opcheck(ops.tiered_attention, (q, k, v, codes, lengths, TIERING), options)


def test_operators_are_the_kernels(layer):
    q, new, k, v, codes, lengths = arguments()
    out, kept, written = run(Step(layer), q, new, k, v, codes, lengths)
    kernels.encode_keys(new, layer, codes, lengths - 1)
    want, want_kept = kernels.decode(q, k, v, codes, lengths, layer, TIERING, want_kept=True)
    assert equal((out, kept, written), (want + kernels.attention(q, k, v, lengths), want_kept, codes))


def test_export_with_any_number_of_keys(layer):
    blocks = torch.export.Dim("blocks", min=2, max=1 << 20)
    shapes = ({}, {}, {2: 64 * blocks}, {2: 64 * blocks}, {2: blocks}, {})
    program = torch.export.export(Step(layer), arguments(), dynamic_shapes=shapes)
    names = [str(node.target) for node in program.graph.nodes if "dashkv" in str(node.target)]
    assert names == [f"dashkv.{name}.default" for name in ("encode_keys", "tiered_attention", "attention")]
    for blocks in (6, 9):
        given = arguments(blocks)
        assert equal(run(program.module(), *given), run(Step(layer), *given))


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compile_without_graph_breaks(layer, backend):
    step = torch.compile(Step(layer), backend=backend, fullgraph=True)
    for blocks in (6, 9):
        given = arguments(blocks)
        assert equal(run(step, *given), run(Step(layer), *given))


def test_errors_come_through(layer):
    q, new, k, v, codes, lengths = arguments()
    with pytest.raises(TypeError, match="expected starts of int32, but got int64"):
        run(Step(layer), q, new, k, v, codes, lengths.long())
    with pytest.raises(ValueError, match="expected codes of 6 blocks of 64 keys for 384 keys, but got 5"):
        options = ops.encoder_arguments(layer)
        torch.ops.dashkv.tiered_attention(q, k, v, codes[:, :, :5], lengths, TIERING, **options)
