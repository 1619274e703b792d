"""Training of the encoders of one layer on captured queries and keys."""

from collections.abc import Callable, Iterator

import numpy as np
import torch

from dashkv.encoders import LayerEncoder
from dashkv.train import losses
from dashkv.train.settings import Settings

HIDDEN = 256  # width of an mlp query map, the paper's
FRACTION = 0.05  # budget that the codes are trained for
KEPT_FROM = 0.3  # progress at which logits are close enough to the teacher's for a choice by threshold


class LayerModel(torch.nn.Module):
    """Key and query encoders of a layer while they are trained: soft codes, standardised queries, a temperature."""

    def __init__(self, settings: Settings, query: torch.Tensor, key: torch.Tensor, generator: torch.Generator):
        """Starts from samples query [Hq, S, D] and key [Hkv, S, D]: hyperplanes along the spread of the keys."""
        super().__init__()
        self.settings = settings
        group = len(query) // len(key)
        self.group = group if settings.scope == "group" else 1
        planes, from_query = zip(*(_start(k, settings.bits, generator) for k in key), strict=True)
        planes, from_query = torch.stack(planes), torch.stack(from_query)
        self.key_weight = torch.nn.Parameter(planes)
        self.key_bias = torch.nn.Parameter(-torch.einsum("hd,hdl->hl", key.mean(dim=1), planes))
        x = self.gather(query)
        self.register_buffer("mean", x.mean(dim=1, keepdim=True))
        self.register_buffer("spread", x.std(dim=1, keepdim=True).clamp_min(1e-4))
        # The start answers q.k: z_q . z_k for a group's queries is the sum of its heads' logits.
        first = from_query.repeat(1, group, 1) if self.group > 1 else from_query.repeat_interleave(group, dim=0)
        first = first * self.spread.transpose(1, 2)
        first = first / ((x - self.mean) / self.spread @ first).std(dim=(1, 2), keepdim=True).clamp_min(1e-9)
        weights = [first] if settings.query == "linear" else _mlp_like(first, generator)
        self.query_weights = torch.nn.ParameterList(weights)
        self.query_biases = torch.nn.ParameterList(torch.zeros(w.shape[0], 1, w.shape[2]) for w in weights)
        start = 0.15 if settings.form == "packed" else 0.3
        start *= (64 / settings.bits) ** 0.5
        self.log_temperature = torch.nn.Parameter(torch.full((len(first), 1, 1), start).log())

    def gather(self, query: torch.Tensor) -> torch.Tensor:
        """[Hq, M, D] to the input [Hc, M, group * D] of the query encoders."""
        heads, rows, size = query.shape
        return query.reshape(-1, self.group, rows, size).transpose(1, 2).reshape(heads // self.group, rows, -1)

    def query_values(self, query: torch.Tensor) -> torch.Tensor:
        z = (self.gather(query) - self.mean) / self.spread
        activation = {"relu": torch.relu, "silu": torch.nn.functional.silu}[self.settings.activation]
        for index, (weight, bias) in enumerate(zip(self.query_weights, self.query_biases, strict=True)):
            z = z @ weight + bias if index == 0 else activation(z) @ weight + bias
        return z

    def key_values(self, key: torch.Tensor) -> torch.Tensor:
        return key @ self.key_weight + self.key_bias[:, None]

    def loss(self, query, key, teacher, allowed, progress: float) -> torch.Tensor:
        """query [Hq, M, D], key [Hkv, N, D], teacher [Hq, M, N], allowed [M, N]; progress of the training, 0 to 1."""
        settings = self.settings
        kv_heads = len(key)
        beta = losses.anneal(progress)
        codes = self.query_values(query)
        key_codes = torch.tanh(beta * self.key_values(key))
        if settings.form == "packed":
            codes = torch.tanh(beta * codes)
        scaled = codes * self.log_temperature.exp()
        logits = torch.einsum("kgml,knl->kgmn", scaled.reshape(kv_heads, -1, *codes.shape[1:]), key_codes)
        teacher = teacher.reshape(kv_heads, -1, *teacher.shape[1:])
        if settings.loss == "group":
            logits, teacher = logits.sum(dim=1), teacher.mean(dim=1)
        logits, teacher = logits.flatten(0, -3), teacher.flatten(0, -3)
        result = losses.list_loss(logits, teacher, allowed)
        if settings.kept and progress >= KEPT_FROM:
            result = result + settings.kept * losses.kept_loss(logits, teacher, allowed, FRACTION)
        shaped = [key_codes, codes] if settings.form == "packed" else [key_codes]
        for soft in shaped:
            result = result + settings.quantisation * losses.quantisation(soft)
            result = result + settings.balance * sum(losses.balance(head) for head in soft) / len(soft)
        return result

    @torch.no_grad()
    def export(self) -> LayerEncoder:
        """The plain encoder: standardisation folded into the first query map, weights rounded to f16."""
        weights = [weight.detach().clone() for weight in self.query_weights]
        biases = [bias.detach().clone() for bias in self.query_biases]
        weights[0] = weights[0] / self.spread.transpose(1, 2)
        biases[0] = biases[0] - self.mean @ weights[0]
        return LayerEncoder(
            _rounded(self.key_weight),
            _rounded(self.key_bias),
            [_rounded(weight) for weight in weights],
            [_rounded(bias[:, 0]) for bias in biases],
        )


def _rounded(x: torch.Tensor) -> np.ndarray:
    return x.detach().half().float().cpu().numpy()


def _start(key, bits, generator):
    """Planes [D, L] on the principal directions of keys [S, D], and the matching map of queries.

    Directions are scaled by eigenvalue^-1/4, so that wide ones weigh more without drowning the others, then mixed by a
    random rotation. With u the directions and e the eigenvalues, planes = u e^-1/4 r and queries = u e^1/4 r, and
    (k planes) . (q queries) = k.q where r is square.
    """
    centred = key - key.mean(dim=0)
    values, directions = torch.linalg.eigh(centred.T @ centred / len(key))
    quarter = values.clamp_min(float(values.max()) * 1e-6).pow(0.25)
    size = len(directions)
    mixed = [torch.randn(size, size, generator=generator) for _ in range(-(-bits // size))]
    rotation = torch.cat([torch.linalg.qr(m)[0] for m in mixed], dim=1)[:, :bits].to(key.device)
    planes = directions / quarter @ rotation
    unit = (centred @ planes).std()
    return planes / unit, directions * quarter @ rotation * unit


def _mlp_like(first, generator):
    """Weights of a map in -> 256 -> 256 -> L that starts as the linear map `first`.

    relu(z) - relu(-z) = z and silu(z) - silu(-z) = z, so 2 L hidden units carry z and -z through both layers. The
    others start small and unused.
    """
    heads, size, bits = first.shape
    hidden = max(HIDDEN, 2 * bits)

    def small(*shape):
        return (torch.randn(heads, *shape, generator=generator) / shape[0] ** 0.5).to(first.device)

    signed = torch.cat([torch.eye(bits), -torch.eye(bits)], dim=1).to(first.device)  # z -> (z, -z)
    weights = [small(size, hidden), small(hidden, hidden), torch.zeros(heads, hidden, bits, device=first.device)]
    weights[0][:, :, : 2 * bits] = first @ signed
    weights[1][:, :, : 2 * bits] = 0
    weights[1][:, : 2 * bits, : 2 * bits] = signed.T @ signed
    weights[2][:, : 2 * bits] = signed.T
    return weights


def train_layer(
    contexts: list[tuple[np.ndarray, np.ndarray]],
    scale: float,
    settings: Settings,
    layer: int,
    device: str = "cpu",
    on_step: Callable[[int, torch.Tensor], None] = lambda step, loss: None,
) -> LayerEncoder:
    """Trains on contexts (q [Hq, N, D], k [Hkv, N, D]); the same settings, layer and data give the same encoder."""
    data = [tuple(torch.from_numpy(np.asarray(x, np.float32)).to(device) for x in context) for context in contexts]
    sample = [torch.cat([context[i][:, settings.sinks :: 4] for context in data], dim=1) for i in (0, 1)]
    generator = torch.Generator().manual_seed(1_000_003 * settings.seed + layer)
    model = LayerModel(settings, *sample, generator).to(device)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, betas=(0.9, 0.98))
    for step, batch in enumerate(batches(data, scale, settings, layer)):
        loss = model.loss(*batch, step / settings.steps)
        optimizer.param_groups[0]["lr"] = settings.learning_rate * losses.learning_rate(step, settings.steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        on_step(step, loss.detach())
    return model.export()


def batches(
    data: list[tuple[torch.Tensor, torch.Tensor]], scale: float, settings: Settings, layer: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """For each step query [Hq, M, D], key [Hkv, N, D], teacher [Hq, M, N] and the keys that a row may select [M, N].

    A step draws one context, a prefix of a quarter, a half or all of it, rows from the prefix's last three quarters and
    keys outside the sinks. What is drawn depends on seed and layer alone, so that forms of codes compare.
    """
    rng = np.random.default_rng([settings.seed, layer])
    for _ in range(settings.steps):
        query, key = data[rng.integers(len(data))]
        prefix = query.shape[1] // int(rng.choice([1, 2, 4]))
        first = max(prefix // 4, settings.sinks + settings.window)
        positions = torch.from_numpy(np.sort(rng.integers(first, prefix, settings.rows))).to(query.device)
        query, key = query[:, positions], key[:, :prefix]
        teacher = losses.attention_outside(query, key, positions, scale, settings.sinks, settings.window)
        allowed = losses.candidates(positions, prefix, settings.sinks, settings.window)
        if settings.keys < prefix - settings.sinks:
            drawn = settings.sinks + rng.choice(prefix - settings.sinks, settings.keys, replace=False)
            drawn = torch.from_numpy(np.sort(drawn)).to(query.device)
            key, teacher, allowed = key[:, drawn], teacher[:, :, drawn], allowed[:, drawn]
        yield query, key, teacher, allowed
