"""Generation drift: what becomes of a text that a selector writes, thousands of tokens long, beside one by exact attention.

Both sample at temperature 1 with the same random numbers (the Gumbel trick), so that they write the same text as long as
their distributions agree. Afterwards exact attention reads what was written: what it thinks of it, and how far it is from
the distributions that the selector had while it wrote, whose keys and values come from its own states. If errors built up
in the cache, that distance would grow with the text.
"""

import numpy as np
import torch
from torch import Tensor

from dashkv.eval.harness import EXACT, Prefix, Session, advance_together
from dashkv.eval.measures import log_probabilities, token_measures


@torch.inference_mode()
def generate(
    model, prefixes: list[Prefix], last: Tensor, selector, dense: tuple[int, ...], count: int, seeds: list[int]
) -> tuple[Tensor, Tensor]:
    """Continues each of B prefixes of one size and its token of `last` [B]: `count` tokens [B, T], sampled with noise that
    depends on the seed [B] and the place only, and the hidden states [B, T, hidden] that they were sampled from. The
    end-of-text token is not taken."""
    sessions = [Session(model, prefix, selector, dense, room=count + 1) for prefix in prefixes]
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    end = model.config.eos_token_id
    ends = [] if end is None else [end] if isinstance(end, int) else list(end)
    written, states, token = [], [], last[:, None]
    for _ in range(count):
        states.append(advance_together(sessions, token))
        logits = model.get_output_embeddings()(states[-1])[:, 0].float()
        noise = torch.stack([torch.rand(logits.shape[1:], generator=rng) for rng in rngs])
        logits[:, ends] = -torch.inf
        token = (logits - torch.log(-torch.log(noise.clamp(min=1e-20)))).argmax(-1, keepdim=True)
        written.append(token)
    return torch.cat(written, 1), torch.cat(states, 1)


def measure(
    model, prefix: Prefix, last: Tensor, written: Tensor, states: Tensor, exact: Tensor
) -> dict[str, np.ndarray]:
    """Of a text: tokens [T] written; first: how many agree with exact [T] before the first that does not; in nats under
    exact attention, that read the text after the prefix and `last` [1], `nll` [T] of its tokens and `kl` [T] to the
    distributions of `states` [T, hidden]; repeated [T - 3]: whether a 4-gram of it came before."""
    with torch.inference_mode():
        hidden = Session(model, prefix, EXACT, room=len(written)).advance(torch.cat([last, written[:-1]]))
    found = token_measures(log_probabilities(model, hidden), log_probabilities(model, states), written)
    differ = (written != exact).nonzero()
    grams, seen = [tuple(x.tolist()) for x in written.unfold(0, 4, 1)], set()
    repeated = [gram in seen or bool(seen.add(gram)) for gram in grams]
    return {
        "tokens": written.numpy(),
        "first": np.array(int(differ[0]) if len(differ) else len(written)),
        "nll": found["nll_exact"],
        "kl": found["kl"],
        "repeated": np.array(repeated),
    }
