"""What is known of a stream before its first block."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, prod
from operator import index
from typing import Any, Literal, SupportsIndex

import msgspec
import numpy as np
from numpy.typing import NDArray

from corrente.errors import FormatError as FormatError

Items = NDArray[Any]
"""Consecutive items, time on axis 0: `(n, C)`, `(n, H, W)` or `(n, H, W, C)`; n may be 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What happened during `count` consecutive items: a row of named columns for each event.

    `rows` is float64 `(m, columns)`, in the order of its first column, the event's place in items
    of the source stream, which may lie between two. `items` says of each row to which item of the
    block it belongs: the last one at or before the event. There may be no rows. `len` is the number
    of items, and a slice has the events of a part of them.
    """

    rows: NDArray[np.float64]
    items: NDArray[np.int64]
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, part: slice) -> "Events":
        start, stop, _ = part.indices(self.count)
        first, last = np.searchsorted(self.items, [start, max(start, stop)])
        return Events(self.rows[first:last], self.items[first:last] - start, max(0, stop - start))


AnyBlock = Items | Events
"""A block of any format: events where that is of kind `events`, else items."""

Kind = Literal["signal", "frames", "events"]

EVENT_INDEX = "index"
"""The first column of events: where each lies, in items of the source stream."""

Dtype = str | np.dtype[Any] | type[np.generic]
"""What names a dtype; that of a format is one of `DTYPES`."""

DTYPES = (
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "float32",
    "float64",
)
MAX_ITEM_BYTES = 64 << 20
_STORED = {name: np.dtype(np.dtype(name).newbyteorder("<").str) for name in DTYPES}
MAX_LABELS = 4096
MAX_LABEL_LENGTH = 64


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """The format of a stream: what every one of its items looks like, and where they lie in time.

    `shape` is that of one item: `(C,)` for a signal, `(H, W)` or `(H, W, C)` for frames.
    `rate_hz` is items per second. `labels` name the channels, or are empty.
    Item k lies at index `origin + k * stride` of the source stream, both exact fractions.

    Of events, `shape` is that of a row and `labels` name its columns, the first one `index`; rate,
    origin and stride are those of the items among which the events are.

    Raises `FormatError` where that cannot be.
    """

    kind: Kind
    shape: tuple[int, ...]
    dtype: str = "float32"
    rate_hz: float = 1.0
    labels: tuple[str, ...] = ()
    origin: Fraction = Fraction(0)
    stride: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        ranks = {"signal": (1,), "frames": (2, 3), "events": (1,)}
        if self.kind not in ranks:
            raise FormatError(f"kind must be signal, frames or events, got {self.kind!r}")
        if len(self.shape) not in ranks[self.kind]:
            wanted = "(H, W) or (H, W, C)" if self.kind == "frames" else "(C,)"
            raise FormatError(f"an item of kind {self.kind} has shape {wanted}, got {self.shape}")
        if any(size < 1 for size in self.shape):
            raise FormatError(f"every size of a shape must be at least 1, got {self.shape}")
        if self.dtype not in DTYPES:
            raise FormatError(f"dtype must be one of {', '.join(DTYPES)}, got {self.dtype!r}")
        if self.item_bytes > MAX_ITEM_BYTES:
            raise FormatError(
                f"an item may have {MAX_ITEM_BYTES >> 20} MiB at most, "
                f"{self.shape} of {self.dtype} has {self.item_bytes / (1 << 20):.0f}"
            )
        if not (isfinite(self.rate_hz) and self.rate_hz > 0):
            raise FormatError(f"rate_hz must be a positive number, got {self.rate_hz}")
        if self.stride <= 0:
            raise FormatError(f"stride must be positive, got {self.stride}")
        self._check_labels()
        if self.kind == "events" and (self.dtype, self.labels[:1]) != ("float64", (EVENT_INDEX,)):
            raise FormatError(
                f"events are float64 with a label for each column, the first {EVENT_INDEX!r}; "
                f"got {self.dtype} and {self.labels}"
            )

    def _check_labels(self) -> None:
        if not self.labels:
            return
        if self.channels != len(self.labels):
            raise FormatError(f"{len(self.labels)} labels for {self.channels} channels")
        if len(self.labels) > MAX_LABELS or max(map(len, self.labels)) > MAX_LABEL_LENGTH:
            raise FormatError(
                f"at most {MAX_LABELS} labels of {MAX_LABEL_LENGTH} characters are allowed"
            )

    @property
    def channels(self) -> int:
        """How many channels an item has; a frame `(H, W)` has one."""
        return 1 if len(self.shape) == 2 else self.shape[-1]

    @property
    def item_bytes(self) -> int:
        """Bytes of one item, raw; of events, of a row."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def duration_ns(self, items: int) -> int:
        """How long so many items last; 292 years at most, as much as a time can say."""
        return round(min(items * 1e9 / self.rate_hz, 2.0**63))

    def place(self, k: int) -> float:
        """Where item k lies in the source stream: `origin + k * stride`, rounded once."""
        a, b = self.origin, self.stride
        whole = a.numerator * b.denominator + k * b.numerator * a.denominator
        return whole / (a.denominator * b.denominator)

    def empty(self) -> Items:
        """No items; of events, no rows."""
        return np.empty((0, *self.shape), self.dtype)

    def block(self, x: Any) -> Items:
        """`x`, one item or a block, as a C-contiguous little-endian block of this format.

        Raises `FormatError` where its shape or dtype contradicts the format. Numbers may be
        rounded to the stream's float type, which makes infinities of those beyond its range (3.4e38
        for float32), but never cut to an integer type that is too small.
        """
        wanted = _STORED[self.dtype]
        if type(x) is np.ndarray and x.dtype == wanted and x.flags.c_contiguous:
            if x.shape[1:] == self.shape:  # as most blocks are
                return x
        elif isinstance(x, np.ma.MaskedArray):
            raise FormatError(
                "a stream holds no masks: say what stands for what is masked, with .filled(value)"
            )
        items = np.asarray(x)
        if items.ndim == len(self.shape):
            items = items[np.newaxis]
        if items.shape[1:] != self.shape or items.ndim != len(self.shape) + 1:
            raise FormatError(
                f"an item has shape {self.shape}, a block (n, *{self.shape}); got {np.shape(x)}"
            )
        casts: Literal["same_kind", "safe"] = "same_kind" if wanted.kind == "f" else "safe"
        if not np.can_cast(items.dtype, wanted, casting=casts):
            raise FormatError(
                f"the stream holds {self.dtype}, got {items.dtype}; "
                f"convert it with .astype({self.dtype!r})"
            )
        return np.ascontiguousarray(items, dtype=wanted)


def format_of(
    shape: Sequence[SupportsIndex],
    rate_hz: float,
    dtype: Dtype = "float32",
    labels: Sequence[str] = (),
) -> Format:
    """The format of a source: the rank of an item's shape tells signals from frames.

    Raises `FormatError` where that cannot be, or an argument is of the wrong kind.
    """
    try:
        return Format(
            kind="signal" if len(shape) == 1 else "frames",
            shape=tuple(map(index, shape)),
            dtype=np.dtype(dtype).name,
            rate_hz=float(rate_hz),
            labels=_labels(labels),
        )
    except FormatError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise FormatError(
            f"a format has a shape of integers, a rate_hz and a dtype, "
            f"got {shape!r}, {rate_hz!r}, {dtype!r}: {error}"
        ) from error


def _labels(labels: Sequence[object]) -> tuple[str, ...]:
    """Labels as plain strings; one string is not several labels."""
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise FormatError(f"labels must be a sequence of strings, got {labels!r}")
    return tuple(map(str, labels))
