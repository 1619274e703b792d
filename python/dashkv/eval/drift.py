"""Generation drift: how a text that a selector writes departs from the one that exact attention writes.

Both sample with the same random numbers (the Gumbel trick), so that they write the same text as long as their
distributions agree closely. Also measured is what the exact model thinks of the text that was written.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashkv.eval.harness import EXACT, Prefix, Session
from dashkv.eval.measures import log_probabilities


@dataclass
class Drift:
    """tokens [T] written; first: how many agree with the exact text before the first that does not; nll [T] of the
    written tokens under the exact model, in nats; distinct: share of its 4-grams that come once."""

    tokens: np.ndarray
    first: int
    nll: np.ndarray
    distinct: float


@torch.inference_mode()
def generate(
    model, prefix: Prefix, last: Tensor, selector, dense: tuple[int, ...], count: int, seed: int, temperature: float
) -> Tensor:
    """`count` tokens after the prefix and the token `last` [1], sampled with noise that depends on the seed and the
    position only; the end-of-text token is not taken."""
    session = Session(model, prefix, selector, dense, room=count + 1)
    rng = torch.Generator().manual_seed(seed)
    end = model.config.eos_token_id
    ends = [] if end is None else [end] if isinstance(end, int) else list(end)
    written, token = [], last
    for _ in range(count):
        logits = model.get_output_embeddings()(session.advance(token))[0].float()
        noise = -torch.log(-torch.log(torch.rand(logits.shape, generator=rng).clamp(min=1e-20)))
        logits[ends] = -torch.inf
        token = (logits / temperature + noise).argmax()[None] if temperature > 0 else logits.argmax()[None]
        written.append(token)
    return torch.cat(written)


def measure(model, prefix: Prefix, last: Tensor, written: Tensor, exact: Tensor) -> Drift:
    """Compares written [T] with exact [T], both after the prefix and `last`."""
    with torch.inference_mode():
        hidden = Session(model, prefix, EXACT, room=len(written) + 1).advance(torch.cat([last, written[:-1]]))
        logits = log_probabilities(model, hidden)
        nll = -torch.cat([x.gather(1, t[:, None])[:, 0] for x, t in zip(logits, written.split(128), strict=True)])
    differ = (written != exact).nonzero()
    first = int(differ[0]) if len(differ) else len(written)
    grams = [tuple(x.tolist()) for x in written.unfold(0, 4, 1)]
    return Drift(written.numpy(), first, nll.numpy(), len(set(grams)) / len(grams))
