"""What codes are trained towards: attention over the keys that are not read anyway, and terms that shape the bits."""

import torch


def attention_outside(
    query: torch.Tensor, key: torch.Tensor, positions: torch.Tensor, scale: float, sinks: int, window: int
) -> torch.Tensor:
    """Attention [Hq, M, N] of rows at `positions` [M], zero on the keys that every step reads: sinks and window.

    query [Hq, M, D], key [Hkv, N, D]. Row m sees the keys n <= positions[m]; the softmax runs over all it sees, so that
    what is left in a row is the share of attention that a selection can win or lose.
    """
    heads, rows, size = query.shape
    kv_heads, keys, _ = key.shape
    n = torch.arange(keys, device=key.device)
    scores = ((query * scale).reshape(kv_heads, -1, size) @ key.transpose(1, 2)).reshape(heads, rows, keys)
    attention = scores.masked_fill_(n > positions[:, None], float("-inf")).softmax(dim=-1)
    return attention.mul_(candidates(positions, keys, sinks, window))


def candidates(positions: torch.Tensor, keys: int, sinks: int, window: int) -> torch.Tensor:
    """Keys that a row may select [M, N]: visible, and neither a sink nor in the window."""
    n = torch.arange(keys, device=positions.device)
    return (n >= sinks) & (n <= positions[:, None] - window)


def list_loss(logits: torch.Tensor, teacher: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """KL divergence of the student's softmax from the teacher, both over a row's allowed keys, up to a constant.

    logits, teacher [H, M, N], allowed [M, N]. Rows count by the attention that the teacher has there, so a row whose
    attention falls on forced keys teaches little.
    """
    # A large number and not infinity: a row without a key, whose teacher is 0, then adds 0 and not NaN.
    log_student = logits.masked_fill(~allowed, -1e9).log_softmax(dim=-1)
    return -(teacher * log_student).sum() / teacher.sum().clamp_min(1e-9)


def kept_loss(logits: torch.Tensor, teacher: torch.Tensor, allowed: torch.Tensor, fraction: float) -> torch.Tensor:
    """Share of the teacher's attention outside a soft choice of `fraction` of each row's allowed keys (ours).

    logits, teacher [H, M, N], allowed [M, N]. A key is chosen by sigmoid(logit - threshold of its row); the threshold
    moves with the logits so that the choice keeps its size, hence a key gains at the expense of those near the threshold.
    This is the measure itself, where list_loss also spends bits on the order of keys that are read anyway.
    """
    hidden = logits.masked_fill(~allowed, -1e9)
    fixed = hidden.detach()
    threshold = _thresholds(fixed, allowed, fraction)
    choice = torch.sigmoid(fixed - threshold)
    slope = choice * (1 - choice)
    slope /= slope.sum(dim=-1, keepdim=True).clamp_min(1e-9)
    threshold = threshold + ((hidden - fixed) * slope).sum(dim=-1, keepdim=True)  # adds 0, and the gradient
    return (teacher * torch.sigmoid(threshold - hidden)).sum() / teacher.sum().clamp_min(1e-9)


def _thresholds(logits: torch.Tensor, allowed: torch.Tensor, fraction: float) -> torch.Tensor:
    """Thresholds [H, M, 1] where sigmoid(logits - threshold) is `fraction` on average over a row's allowed keys.

    By bisection, on every fourth key: enough for a step that sees few rows anyway.
    """
    logits, allowed = logits[..., ::4], allowed[:, ::4]
    wanted = fraction * allowed.sum(dim=-1, keepdim=True)
    high = logits.amax(dim=-1, keepdim=True)
    low = torch.where(allowed, logits, high).amin(dim=-1, keepdim=True) - 10
    high = high + 10
    for _ in range(14):
        middle = (low + high) / 2
        too_many = torch.sigmoid(logits - middle).sum(dim=-1, keepdim=True) > wanted
        low, high = torch.where(too_many, middle, low), torch.where(too_many, high, middle)
    return (low + high) / 2


def balance(codes: torch.Tensor) -> torch.Tensor:
    """Sum over bits of the squared mean of codes [..., L] in -1..1: a bit that is always set tells nothing."""
    return codes.flatten(0, -2).mean(dim=0).square().sum()


def quantisation(codes: torch.Tensor) -> torch.Tensor:
    """Mean squared distance of soft codes from -1 and 1."""
    return (codes.abs() - 1).square().mean()


def anneal(progress: float, first: float = 1.0, last: float = 10.0, share: float = 0.8) -> float:
    """Steepness beta of tanh(beta z) at a progress of 0 to 1: from first to last in a geometric series over a share."""
    return first * (last / first) ** min(progress / share, 1.0)


def learning_rate(step: int, steps: int, warm_up: int = 30, floor: float = 0.02) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine down to `floor`."""
    progress = torch.tensor(min(step / steps, 1.0) * torch.pi)
    return min(1.0, (step + 1) / warm_up) * (floor + (1 - floor) * float(0.5 * (1 + torch.cos(progress))))
