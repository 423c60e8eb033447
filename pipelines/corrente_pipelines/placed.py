"""Operators of events, which lie somewhere in the source stream."""

from corrente_pipelines.operator import Rated


class Placed(Rated):
    """An operator that knows where the items of its input lie in the source, and how far apart."""

    @property
    def source_rate_hz(self) -> float:
        """Items of the source per second: events have their places in those."""
        return self.input_rate_hz * float(self.input_format.stride)
