"""What a pipeline does about items that never arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from corrente.format import AnyBlock, Format, Items
from corrente_pipelines.blocks import concatenate

OnGap = Literal["reset", "zero", "hold", "error"]

MAX_FILL = 1_000_000
"""As many items as a spec may have filled for a gap."""

FILLED_UNLESS_SAID = 1_000
"""As many at most where the spec does not say: a publisher may claim any rate."""

PIECE_BYTES = 1 << 17
"""Gaps are filled piece by piece: about so much of the items and of all that is made of them."""


class GapError(ValueError):
    """Items are missing where the spec says that none may be."""


class Passed(NamedTuple):
    """What comes of items that never arrived, or of the first of them.

    The stages' `outputs` lie before what is `missing` of them, `[from, to)`. That may be empty, as
    outputs are far apart: still the one behind it knows nothing of the one before. `filled` items
    were made up.
    """

    outputs: dict[str, AnyBlock]
    missing: dict[str, tuple[int, int]]
    filled: int


def together(parts: Sequence[Passed]) -> Passed:
    """What comes of one gap, from what came of its parts; at least one."""
    outputs = {
        name: concatenate([part.outputs[name] for part in parts]) for name in parts[0].outputs
    }
    missing = {name: span for part in parts for name, span in part.missing.items()}
    return Passed(outputs, missing, sum(part.filled for part in parts))


@dataclass(frozen=True)
class GapRule:
    """The rule for a gap, which a spec says.

    `reset` ends what was before the gap as at the end of a stream, and starts anew behind it.
    `zero` and `hold` first put in zeros, or the last item again, for up to `max_fill` items; the
    rest of a longer gap is a reset. `error` ends the pipeline for that stream.
    """

    on_gap: OnGap = "reset"
    max_fill: int = 0

    @cached_property
    def keeps_last(self) -> bool:
        """Whether the last item is needed."""
        return self.on_gap == "hold"

    def room(self, filled: int) -> int:
        """How many items may yet be filled, where so many were since the last that arrived."""
        return max(0, self.max_fill - filled) if self.on_gap in ("zero", "hold") else 0

    def fill(self, format: Format, last: Items, count: int) -> Items:
        """So many items in the place of those that never arrived; zeros where none was before."""
        if self.keeps_last and len(last):
            return np.repeat(last, count, axis=0)
        return np.zeros((count, *format.shape), format.dtype)


RESET = GapRule()


def rule(on_gap: OnGap, max_fill: int | None, format: Format) -> GapRule:
    """The rule for streams of that format: unless said, a second of items is filled at most."""
    if on_gap not in ("zero", "hold"):
        return GapRule(on_gap)
    second = ceil(min(format.rate_hz, FILLED_UNLESS_SAID))
    return GapRule(on_gap, second if max_fill is None else max_fill)
