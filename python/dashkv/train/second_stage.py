"""Second stage: with the codes frozen, the parameters of calibration and of the mid tier.

Everything is fitted on one training context and measured on the validation context. What does not help there is left
out: most of these parts promise more than they keep (docs/Python.md has the numbers).
"""

from collections.abc import Collection
from dataclasses import fields

import numpy as np
import torch
from tqdm import tqdm

from dashkv.encoders import Encoder, LayerEncoder
from dashkv.train.capture import Capture
from dashkv.train.measure import Rows, distances
from dashkv.train.settings import Settings, TrainingError

FRACTION_BITS = 2  # r of #dashkv.tiering
FULL, MID = 0.05, 0.25  # the mid tier that scores are fitted for: keys between these shares in the order of the codes
DISCOUNTS = (1, 2, 4, 8, 16, 32, 64)
WORTH = 0.0005  # gain in kept mass below which votes and momentum stay off
WORTH_LOGIT = 0.01  # share of the logit error that a table or a network must save
PARTS = ("votes", "momentum", "scores", "residual")
ROWS = 64
TOKENS = 4096


def fit(encoder: Encoder, capture: Capture, settings: Settings, parts: Collection[str], progress: bool = True) -> list:
    """Sets the second-stage fields of every hashed layer for some of PARTS, and clears the others.

    Returns what was measured on the validation context, by layer: kept mass at 5 % of the keys and what votes and
    momentum (discounts of keys that the layer before read) add to it; the root of the mean squared error of mid-tier
    logits, weighted by attention, with temperature and bias, with the table and with the residual network.
    """
    for part in parts:
        if part not in PARTS:
            raise TrainingError(f"expected parts of {', '.join(PARTS)}, but got {part}")
    if "residual" in parts and "scores" not in parts:
        raise TrainingError("expected part scores, to which residual adds, but got residual alone")
    report = []
    prior = (None, None)  # full tiers of the layer before: of the rows fitted on, of the rows measured on
    for index, layer in enumerate(tqdm(encoder.layers, desc="fit", unit="layer", disable=not progress)):
        if layer is None or index in encoder.dense_layers:
            report.append(None)
            prior = (None, None)
            continue
        data = [
            _Frozen(encoder, layer, _rows(capture, context, index, settings))
            for context in (capture.training - 1, capture.training)
        ]
        for item in fields(LayerEncoder)[4:]:
            setattr(layer, item.name, None)
        measured = {"kept": data[1].kept(layer, None)}
        if "votes" in parts:
            measured |= fit_votes(encoder, layer, *data)
        if "momentum" in parts and prior[0] is not None:
            measured |= fit_prior(encoder, layer, *data, *prior)
        if "scores" in parts:
            measured |= fit_scores(encoder, layer, *data)
        if "residual" in parts:
            measured |= fit_residual(encoder, layer, *data, seed=settings.seed)
        report.append({name: round(value, 5) for name, value in measured.items()})
        prior = [frozen.full(layer, before) for frozen, before in zip(data, prior, strict=True)]
    return report


def _rows(capture, context, index, settings):
    query, key = (x[:, :TOKENS] for x in capture.load(context, index))
    return Rows(query, key, capture.scales[index], ROWS, settings.sinks, settings.window)


class _Frozen:
    """Rows of a layer with the distances of their codes."""

    def __init__(self, encoder: Encoder, layer: LayerEncoder, rows: Rows):
        self.encoder, self.rows = encoder, rows
        weights, self.key_signs, self.unit = rows.codes(encoder, layer)
        self.distances, self.total = distances(weights, self.key_signs), weights.abs().sum(dim=-1, keepdim=True)
        self.query_signs = torch.where(weights > 0, 1.0, -1.0)

    def votes(self, radius: np.ndarray) -> torch.Tensor:
        """Number of code heads that have a key within their radius [M, N]."""
        return (self.distances <= torch.from_numpy(radius)[:, None, None]).sum(dim=0)

    def full(self, layer: LayerEncoder, prior: torch.Tensor | None, fraction: float = FULL) -> torch.Tensor:
        """Full tier [Hkv or Hq, M, N] with the layer's discounts; prior is that of the layer before."""
        final = self.distances * 2**FRACTION_BITS
        if layer.vote_discount is not None:
            passed = self.votes(layer.radius) > layer.vote_threshold
            final = final - torch.from_numpy(layer.vote_discount.astype(np.float32))[:, None, None] * passed
        if layer.prior_discount is not None and prior is not None:
            discount = torch.from_numpy(layer.prior_discount.astype(np.float32))[:, None, None]
            final = final - discount * prior.any(dim=0)
        return self.rows.select(self.rows.order(self.encoder, final), fraction)

    def kept(self, layer: LayerEncoder, prior: torch.Tensor | None) -> float:
        return self.rows.kept(self.full(layer, prior))

    def dots(self) -> torch.Tensor:
        """code_scale * dot of every query head [Hq, M, N]."""
        dots = self.unit * (self.total - 2 * self.distances)
        return dots.repeat_interleave(len(self.rows.query) // len(dots), dim=0)

    def mid(self, layer: LayerEncoder) -> torch.Tensor:
        """Attention of every query head on the keys of the mid tier [Hq, M, N], zero elsewhere."""
        middle = self.full(layer, None, MID) & ~self.full(layer, None)
        return self.rows.attention.flatten(0, 1) * self.rows.by_head(middle)


def fit_votes(encoder: Encoder, layer: LayerEncoder, train: _Frozen, check: _Frozen) -> dict:
    """Vote discount, threshold and radius: the median distance of the last key in the full tier is a vote's radius."""
    frozen = train.distances.masked_fill(~train.rows.candidates, float("inf"))
    budget = max(int(FULL * train.rows.candidates.sum(dim=-1).float().mean()), 1)
    last = frozen.kthvalue(budget, dim=-1).values.median(dim=-1).values
    plain = [frozen.kept(layer, None) for frozen in (train, check)]
    heads = encoder.code_heads
    best = plain[0], None
    layer.radius = last.numpy().astype(np.int32)
    for threshold in range(0, heads, max(heads // 4, 1)):
        for discount in DISCOUNTS:
            layer.vote_threshold, layer.vote_discount = threshold, np.full(heads, discount, np.int16)
            best = max(best, (train.kept(layer, None), (threshold, discount)), key=lambda pair: pair[0])
    layer.vote_threshold = layer.vote_discount = None
    gain = 0.0
    if best[1] is not None:
        layer.vote_threshold, layer.vote_discount = best[1][0], np.full(heads, best[1][1], np.int16)
        gain = check.kept(layer, None) - plain[1]
    if gain < WORTH:
        layer.vote_threshold = layer.vote_discount = layer.radius = None
    return {"votes_gain": gain}


def fit_prior(encoder, layer, train, check, train_prior, check_prior) -> dict:
    """Discount of keys that the layer before kept."""
    plain = [train.kept(layer, train_prior), check.kept(layer, check_prior)]
    best = plain[0], None
    for discount in DISCOUNTS:
        layer.prior_discount = np.full(encoder.code_heads, discount, np.int16)
        best = max(best, (train.kept(layer, train_prior), discount), key=lambda pair: pair[0])
    layer.prior_discount, gain = None, 0.0
    if best[1] is not None:
        layer.prior_discount = np.full(encoder.code_heads, best[1], np.int16)
        gain = check.kept(layer, check_prior) - plain[1]
    if gain < WORTH:
        layer.prior_discount = None
    return {"prior_gain": gain}


def fit_scores(encoder: Encoder, layer: LayerEncoder, train: _Frozen, check: _Frozen) -> dict:
    """Temperature, bias and, where it helps, distance table of the mid tier, by least squares weighted by attention."""
    weight, dots, scores = (
        train.mid(layer).flatten(1),
        train.dots().flatten(1),
        train.rows.scores.flatten(0, 1).flatten(1),
    )
    total = weight.sum(dim=1).clamp_min(1e-9)

    def mean(x):
        return (weight * x).sum(dim=1) / total

    spread = mean(dots.square()) - mean(dots).square()
    temperature = (mean(dots * scores) - mean(dots) * mean(scores)) / spread.clamp_min(1e-9)
    bias = mean(scores) - temperature * mean(dots)
    layer.temperature, layer.bias = temperature.numpy(), bias.numpy()
    linear = _error(layer, check)
    # Mean of what is left by distance; classes with little attention are drawn to 0.
    classes = 128 if encoder.form == "weighted" else encoder.bits + 1
    left = scores - temperature[:, None] * dots - bias[:, None]
    steps = train.distances.repeat_interleave(len(weight) // len(train.distances), dim=0).flatten(1).long()
    table, mass = (torch.zeros(len(weight), classes).scatter_add_(1, steps, x) for x in (weight * left, weight))
    layer.table = (table / (mass + 0.01 * total[:, None])).numpy()
    with_table = _error(layer, check)
    if with_table > linear * (1 - WORTH_LOGIT):
        layer.table = None
    return {"logit_error": linear, "logit_error_table": with_table}


def fit_residual(encoder, layer, train, check, seed=0, hidden=32, steps=300) -> dict:
    """A network of the signs of both codes, for each query head, in place of the table if it beats that.

    Needs the temperature and bias of fit_scores.
    """
    heads, bits = len(train.rows.query), encoder.bits
    generator = torch.Generator().manual_seed(seed)
    shapes = ((2 * bits, hidden), (hidden, hidden), (hidden, 1))
    weights = [torch.randn(heads, *shape, generator=generator) / shape[0] ** 0.5 for shape in shapes]
    weights[-1] *= 0.01
    biases = [torch.zeros(heads, shape[1]) for shape in shapes]
    parameters = [x.requires_grad_() for x in (*weights, *biases)]
    optimizer = torch.optim.Adam(parameters, 3e-3)
    table, layer.table = layer.table, None
    target, weight = _left(layer, train), train.mid(layer)
    for _ in range(steps):
        row = int(torch.randint(len(train.rows.positions), (1,), generator=generator))
        keys = weight[:, row].sum(dim=0).topk(min(512, weight.shape[-1])).indices
        out = _network(train, row, keys, weights, biases, encoder.activation)
        share = weight[:, row, keys]
        loss = (share * (out - target[:, row, keys]).square()).sum() / share.sum().clamp_min(1e-9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        weight, left = check.mid(layer), _left(layer, check)
        every = torch.arange(weight.shape[-1])
        for row in range(len(check.rows.positions)):
            left[:, row] -= _network(check, row, every, weights, biases, encoder.activation)
        error = float(((weight * left.square()).sum() / weight.sum().clamp_min(1e-9)).sqrt())
    layer.table = table
    if error < _error(layer, check) * (1 - WORTH_LOGIT):
        layer.table = None
        layer.residual_weights = [w.detach().numpy() for w in weights]
        layer.residual_biases = [b.detach().numpy() for b in biases]
    return {"logit_error_network": error}


def _left(layer, frozen):
    """Exact logits of the query heads less what temperature, bias and table say [Hq, M, N]."""
    left = frozen.rows.scores.flatten(0, 1) - frozen.dots() * torch.from_numpy(layer.temperature)[:, None, None]
    left -= torch.from_numpy(layer.bias)[:, None, None]
    if layer.table is not None:
        table = torch.from_numpy(layer.table)
        steps = frozen.distances.repeat_interleave(len(left) // len(frozen.distances), dim=0).long()
        left -= table.gather(1, steps.flatten(1)).reshape(left.shape)
    return left


def _error(layer, frozen):
    """Root of the mean squared error of mid-tier logits, weighted by attention."""
    weight = frozen.mid(layer)
    return float(((weight * _left(layer, frozen).square()).sum() / weight.sum().clamp_min(1e-9)).sqrt())


def _network(frozen, row, keys, weights, biases, activation):
    """Residual of every query head [Hq, len(keys)] for one row."""
    heads = len(weights[0])
    query = frozen.query_signs[:, row].repeat_interleave(heads // len(frozen.query_signs), dim=0)
    key = frozen.key_signs[:, keys].repeat_interleave(heads // len(frozen.key_signs), dim=0)
    x = torch.cat([query[:, None].expand(-1, len(keys), -1), key], dim=-1)
    act = {"relu": torch.relu, "silu": torch.nn.functional.silu}[activation]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = act(x @ weight + bias[:, None])
    return (x @ weights[-1] + biases[-1][:, None])[..., 0]
