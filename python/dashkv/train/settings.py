"""What is trained and how, without PyTorch, so that a command line can show the defaults at once."""

from dataclasses import dataclass


class TrainingError(ValueError):
    """Input that training cannot work with: text too short, a capture of another model, work that is already there."""


@dataclass(frozen=True)
class Settings:
    """The defaults are what worked best on SmolLM2-135M; docs/Python.md says what was tried.

    form "packed" is the paper's, codes of tanh(beta z) on both sides; "weighted" (ours) keeps the query side real-valued
    and quantises it to `levels` afterwards. scope "head" gives each query head its code, "group" one code a KV head
    that reads the group's queries together. loss "head" teaches each head's attention, "group" the group's mean (logits
    of heads with codes of their own are summed).
    """

    form: str = "weighted"
    bits: int = 64
    levels: int = 7
    scope: str = "group"
    loss: str = "group"
    query: str = "linear"
    activation: str = "relu"
    steps: int = 1200
    rows: int = 64  # query rows of a step
    keys: int = 8192  # keys of a step at most, drawn from the prefix
    learning_rate: float = 12e-3
    kept: float = 3.0  # weight of the attention that a choice at 5 % of the keys loses (ours)
    balance: float = 0.0  # weight of the term; 0.1 in the paper
    quantisation: float = 0.0  # likewise
    sinks: int = 4
    window: int = 64
    seed: int = 0

    def __post_init__(self):
        choices = {"form": ("packed", "weighted"), "scope": ("head", "group"), "loss": ("head", "group"),
                   "query": ("linear", "mlp"), "activation": ("relu", "silu")}  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise TrainingError(f"expected {name} of {' or '.join(allowed)}, but got {getattr(self, name)}")
        if self.bits % 8 or not 8 <= self.bits <= 256:
            raise TrainingError(f"expected 8 to 256 bits, a multiple of 8, but got {self.bits}")
        if not 2 <= self.levels <= 15:
            raise TrainingError(f"expected levels of 2 to 15, but got {self.levels}")
        if self.scope == "group" and self.loss == "head":
            raise TrainingError("expected loss group with scope group, whose code serves all heads, but got head")
        if self.form == "weighted" and self.scope == "head" and self.loss == "group":
            # A weighted code has a scale of its own, so a sum over heads would not weigh them as the loss did.
            raise TrainingError("expected loss head with weighted codes of scope head, but got group")
        for name in ("steps", "rows", "keys", "learning_rate"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"expected positive {name}, but got {getattr(self, name)}")
        for name in ("kept", "balance", "quantisation", "sinks", "window", "seed"):
            if not getattr(self, name) >= 0:  # nor NaN
                raise TrainingError(f"expected {name} of 0 or more, but got {getattr(self, name)}")


def packed_settings(**changes) -> Settings:
    """The packed form as the paper has it, a code a head with its own loss and a query map of two hidden layers.

    Without the paper's terms for balance and quantisation, 0.1 each, which cost more than they bring (docs/Python.md).
    """
    return Settings(**({"form": "packed", "scope": "head", "loss": "head", "query": "mlp"} | changes))
