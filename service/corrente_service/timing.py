"""The time of an item, reckoned from that of another."""

from corrente.wire import MAX_INDEX


def time_ahead(t_ns: int, items: float, rate_hz: float) -> int:
    """The time so many items behind `t_ns`, within the bounds of the wire.

    A publisher may claim any time and any rate; what follows from them must not overflow.
    """
    ahead_ns = max(-float(MAX_INDEX), min(items / rate_hz * 1e9, float(MAX_INDEX)))
    return max(-MAX_INDEX, min(t_ns + round(ahead_ns), MAX_INDEX))
