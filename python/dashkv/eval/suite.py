"""The selectors of a report: baselines that every model has, and those that the given encoders make possible."""

from dataclasses import dataclass, field, replace

from dashkv.encoders import Encoder
from dashkv.eval.codes import PARTS, Codes, RandomPlanes, digest_of, only, symmetric
from dashkv.eval.harness import EvalError
from dashkv.eval.selectors import H2O, Budget, Kivi, Oracle, Quest, SnapKV, Window


@dataclass
class Suite:
    """What decides which selectors there are. encoders: by the name they have in the report."""

    budget: Budget
    model: dict
    encoders: dict[str, Encoder] = field(default_factory=dict)
    seed: int = 0
    compiled: bool = True

    def selectors(self, names: list[str] | None = None) -> list:
        """Selectors in the order of the report; with `names`, those of these names. EvalError for an unknown name."""
        found = {selector.name: selector for selector in [*self._baselines(), *self._trained()]}
        if names is None:
            return list(found.values())
        unknown = [name for name in names if name not in found]
        if unknown:
            raise EvalError(f"expected selectors of {'; '.join(found)}, but got {'; '.join(unknown)}")
        return [found[name] for name in found if name in names]

    def _baselines(self) -> list:
        budget = self.budget
        return [
            Oracle(budget),
            Oracle(budget, "head"),
            Window(budget),
            Quest(budget),
            H2O(budget),
            SnapKV(budget),
            Kivi(),
            RandomPlanes(budget, self.model, 64, self.seed, self.compiled),
        ]

    def _trained(self) -> list:
        made = []
        for name, encoder in self.encoders.items():
            plain = only(encoder)
            if encoder.form == "weighted":
                made.append(self._codes(name, plain))
            elif encoder.bits == 128:
                # HATA: linear maps on both sides, 128 bits, distances summed over the group.
                made.append(self._codes(f"{name} (HATA's form)", plain))
            else:
                if encoder.group == 1:
                    made.append(self._codes(f"{name}, head scope", plain, scope="head"))
                    made.append(self._codes(f"{name}, symmetric", symmetric(plain)))
                made.append(self._codes(f"{name}, group scope", plain))
            made += self._with_parts(name, encoder)
        return made

    def _with_parts(self, name: str, encoder: Encoder) -> list:
        """The parts that the encoder has, each on top of the ones before, in group scope."""
        made, parts = [], []
        fields = {"votes": "vote_discount", "momentum": "prior_discount"}
        for part in PARTS:
            if any(layer is not None and getattr(layer, fields[part]) is not None for layer in encoder.layers):
                parts.append(part)
                made.append(self._codes(" + ".join([name, *parts]), only(encoder, parts)))
        if any(layer is not None and layer.temperature is not None for layer in encoder.layers):
            # The bytes of a mid-tier key are those of its value: a quarter of the full tier's bytes buys half as many.
            full = self.budget.tiering.full
            tiering = replace(self.budget.tiering, full=0.75 * full, mid=0.5 * full)
            budget = replace(self.budget, tiering=tiering)
            made.append(self._codes(" + ".join([name, *parts, "mid tier"]), only(encoder, parts), budget=budget))
        return made

    def _codes(self, name: str, encoder: Encoder, scope: str = "group", budget: Budget | None = None) -> Codes:
        budget = budget or self.budget
        budget = replace(budget, tiering=replace(budget.tiering, scope=scope))
        return Codes(name, budget, encoder, self.compiled, digest_of(encoder))
