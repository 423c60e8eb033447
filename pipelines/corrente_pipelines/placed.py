"""Operators of events, which lie somewhere in the source stream."""

from typing import Self

from pydantic import PrivateAttr

from corrente.format import Format
from corrente_pipelines.operator import Operator


class Placed(Operator):
    """An operator that knows where the items of its input lie in the source, and how far apart."""

    _format: Format = PrivateAttr(Format(kind="signal", shape=(1,)))

    def prepared(self, *formats: Format) -> Self:
        """A copy that knows."""
        copy = self.model_copy()
        copy._format = formats[0]  # noqa: SLF001 - its own
        return copy

    @property
    def _source_rate_hz(self) -> float:
        """Items of the source per second: events have their places in those."""
        return self._format.rate_hz * float(self._format.stride)
