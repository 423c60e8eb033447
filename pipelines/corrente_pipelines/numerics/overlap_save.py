"""Correlation by Fourier transforms of frames that overlap, in float64.

A frame of `size` items gives the `hop = size - K + 1` outputs whose windows lie inside it; the next
begins `hop` items later (T. Stockham, High-speed convolution and correlation, 1966). A transform
would spread an item that is not finite over its frame: such are taken for zero, and the outputs
that see one are summed directly.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.fft import LANES, backward, forward, transform
from corrente_pipelines.numerics.simd import all_doubles, load_doubles, store

if TYPE_CHECKING:
    from corrente_pipelines.numerics.simd import Doubles as Vector

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


class Spectrum(NamedTuple):
    """Taps as frames of `size` items are filtered with them."""

    taps: Doubles
    size: int
    twiddles: Doubles
    places: Integers
    """Pairs of places in a spectrum, those of frequencies k and -k."""
    factors: Doubles
    """For either of a pair, what it and the conjugate of the other are multiplied with."""


def spectrum(taps: Doubles, size: int) -> Spectrum:
    """The spectrum of taps `(K,)` in frames of `size` items, a power of two of at least K.

    A frame x of N = 2 M items is transformed as `z[k] = x[2k] + i x[2k+1]`. With W = exp(-2 pi i/N)
    its own spectrum is `X[k] = ((1 - i W^k) Z[k] + (1 + i W^k) conj(Z[-k])) / 2`, which goes back
    likewise: so filtering is `A[k] Z[k] + B[k] conj(Z[-k])`.
    """
    half = size // 2
    tables = transform(half)
    h = np.conj(np.fft.rfft(taps, size)) / half
    k = np.arange(half)
    mirrored = np.conj(h[half - k])
    turn = 1j * np.exp(-2j * np.pi * k / size)
    back = -1 / turn  # i W^-k
    a = (h[k] * (1 - turn) * (1 + back) + mirrored * (1 + turn) * (1 - back)) / 4
    b = (h[k] * (1 + turn) * (1 + back) + mirrored * (1 - turn) * (1 - back)) / 4
    first = np.arange(half // 2 + 1)
    pairs = np.stack([first, -first % half], axis=1)
    factors = np.stack([a[pairs], b[pairs]], axis=-1)
    parts = np.stack([factors.real, factors.imag], axis=-1)
    return Spectrum(taps, size, tables.twiddles, tables.places[pairs], parts.ravel())


@compiled
def correlate_frames(
    items: Floats, taps: Doubles, size: int, twiddles: Doubles, places: Integers, factors: Doubles
) -> Floats:
    """Items `(F hop + K - 1, C)`, the frames of a spectrum, to the outputs `(F hop, C)` of all."""
    hop, channels = size - taps.size + 1, items.shape[1]
    count = items.shape[0] - taps.size + 1
    y, z = np.empty((count, channels), np.float32), np.empty(size * LANES)
    lanes = count // hop * channels
    for lane in range(0, lanes, LANES):
        together = min(LANES, lanes - lane)
        is_finite = gather(z, items, lane, together, hop, size)
        forward(z, size // 2, twiddles)
        _filter(z, places, factors)
        backward(z, size // 2, twiddles)
        _scatter(y, z, lane, together, hop)
        if not is_finite:
            for k in range(lane, lane + together):
                mend(y, items, taps, k // channels * hop, hop, k % channels)
    return y


@compiled
def gather(z: Doubles, items: Floats, lane: int, together: int, hop: int, size: int) -> bool:
    """Frames of channels, a lane each, what is not finite as zero; says whether nothing was."""
    channels, flat = items.shape[1], items.reshape(-1)
    if channels % LANES == 0:
        start = lane // channels * hop * channels + lane % channels
        wrong = all_doubles(0.0)
        for t in range(size):
            x = load_doubles(flat, start + t * channels)
            wrong = wrong + (x - x)
            store(z, LANES * t, x)
        odd = np.empty(LANES)
        store(odd, 0, wrong)
        is_finite = not np.isnan(odd).any()
    else:
        is_finite = True
        if together < LANES:
            z[:] = 0
        for k in range(together):
            start = (lane + k) // channels * hop * channels + (lane + k) % channels
            wrong_here = 0.0
            for t in range(size):
                number = flat[start + t * channels]
                wrong_here += number - number
                z[LANES * t + k] = number
            is_finite &= wrong_here == 0
    if not is_finite:
        for t in range(z.size):
            z[t] = z[t] if np.isfinite(z[t]) else 0.0
    return is_finite


@compiled
def _filter(z: Doubles, places: Integers, factors: Doubles) -> None:
    for i in range(places.shape[0]):
        p, q = 8 * places[i, 0], 8 * places[i, 1]
        z1, z1i = load_doubles(z, p), load_doubles(z, p + 4)
        z2, z2i = load_doubles(z, q), load_doubles(z, q + 4)
        _put_filtered(z, p, z1, z1i, z2, z2i, factors, 8 * i)
        _put_filtered(z, q, z2, z2i, z1, z1i, factors, 8 * i + 4)


@inlined
def _put_filtered(
    z: Doubles,
    p: int,
    own: "Vector",
    own_i: "Vector",
    other: "Vector",
    other_i: "Vector",
    factors: Doubles,
    t: int,
) -> None:
    a, ai = all_doubles(factors[t]), all_doubles(factors[t + 1])
    b, bi = all_doubles(factors[t + 2]), all_doubles(factors[t + 3])
    store(z, p, (a * own - ai * own_i) + (b * other + bi * other_i))
    store(z, p + 4, (a * own_i + ai * own) + (bi * other - b * other_i))


@compiled
def _scatter(y: Floats, z: Doubles, lane: int, together: int, hop: int) -> None:
    channels, flat = y.shape[1], y.reshape(-1)
    if channels % LANES == 0:
        start = lane // channels * hop * channels + lane % channels
        for t in range(hop):
            store(flat, start + t * channels, load_doubles(z, LANES * t))
        return
    for k in range(together):
        start = (lane + k) // channels * hop * channels + (lane + k) % channels
        for t in range(hop):
            flat[start + t * channels] = z[LANES * t + k]


@compiled
def mend(y: Floats, items: Floats, taps: Doubles, first: int, count: int, channel: int) -> None:
    """Sums directly what sees an item that is not finite, of `count` outputs from `first` on."""
    seen = first - 1  # the last such item
    for t in range(first, first + taps.size - 1):
        if not np.isfinite(items[t, channel]):
            seen = t
    for t in range(first, first + count):
        last = t + taps.size - 1
        if not np.isfinite(items[last, channel]):
            seen = last
        if seen >= t:
            total = 0.0
            for k in range(taps.size):
                total += taps[k] * items[t + k, channel]
            y[t, channel] = total if total == total else np.nan
