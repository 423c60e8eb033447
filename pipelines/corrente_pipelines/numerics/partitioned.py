"""Correlation with many taps in short blocks, by transforms of float64.

The taps are cut into parts as long as a block; each part is applied to the spectrum of the blocks
that many before, which were kept, and one transform back gives the sum of all (T. Stockham, 1966;
W. Gardner, Efficient convolution without input-output delay, 1995, the uniform case). So outputs
wait for a block to be complete, not for a frame longer than all taps.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled
from corrente_pipelines.numerics.fft import LANES, backward, forward, transform
from corrente_pipelines.numerics.nans import is_finite
from corrente_pipelines.numerics.overlap_save import gather, mend
from corrente_pipelines.numerics.simd import load_doubles, store
from corrente_pipelines.numerics.tails import copy

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


class Parts(NamedTuple):
    """The spectra of taps that were cut into parts of `block`."""

    taps: Doubles
    block: int
    twiddles: Doubles
    places: Integers
    turns: Doubles
    """`exp(-2 pi i k / size)` of every frequency, real parts and imaginary ones."""
    spectra: Doubles
    """`(P, 2, width)`: of each part, newest items first, real parts and imaginary ones."""


def width(block: int) -> int:
    """How many numbers the real parts of a spectrum have, in whole vectors."""
    return block + LANES


def parts(taps: Doubles, block: int) -> Parts:
    """The parts of taps `(K,)`, for blocks of `block` items, a power of two from 4 on."""
    size, count = 2 * block, -(-taps.size // block)
    newest_first = np.zeros(count * block)
    newest_first[: taps.size] = taps[::-1]
    tables = transform(block)
    spectra = np.zeros((count, 2, width(block)))
    found = np.fft.rfft(newest_first.reshape(count, block), size) / block
    spectra[:, 0, : block + 1], spectra[:, 1, : block + 1] = found.real, found.imag
    turns = np.asarray(np.exp(-2j * np.pi * np.arange(block + 1) / size), np.complex128)
    table = np.stack([turns.real, turns.imag])
    return Parts(taps, block, tables.twiddles, tables.places, table, spectra)


@compiled
def correlate_blocks(
    items: Floats,
    seen: Doubles,
    taps: Doubles,
    block: int,
    twiddles: Doubles,
    places: Integers,
    turns: Doubles,
    spectra: Doubles,
) -> tuple[Floats, Doubles]:
    """The outputs of F complete blocks, `(F block, C)`, and the spectra to be given the next time.

    `items` are `((P + F) block, C)`: the P blocks before, and those. `seen` are the spectra
    `(P - 1, C, 2, width)` of the blocks before.
    """
    count, channels = spectra.shape[0], items.shape[1]
    new = items.shape[0] // block - count
    fresh = np.zeros((new, channels, 2, spectra.shape[2]))
    y = np.empty((new * block, channels), np.float32)
    z = np.empty(2 * block * LANES)
    sums = np.empty((2, spectra.shape[2]))
    for f in range(new):
        frame = items[(count + f - 1) * block : (count + f + 1) * block]
        for channel in range(0, channels, LANES):
            together = min(LANES, channels - channel)
            gather(z, frame, channel, together, 0, 2 * block)
            forward(z, block, twiddles)
            for lane in range(together):
                _unfold(fresh[f, channel + lane], z, lane, places, turns)
            for lane in range(together):
                sums[:] = 0
                for part in range(count):
                    x = fresh[f - part] if part <= f else seen[count - 1 + f - part]
                    _add_product(sums, x[channel + lane], spectra[part])
                _fold(z, lane, sums, places, turns)
            backward(z, block, twiddles)
            for lane in range(together):
                for t in range(block):
                    y[f * block + t, channel + lane] = z[(block + t) * LANES + lane]
    if not is_finite(items.reshape(-1)):
        late = items[count * block - taps.size + 1 :]
        for channel in range(channels):
            mend(y, late, taps, 0, new * block, channel)
    kept = np.empty_like(seen)
    old = max(count - 1 - new, 0)
    copy(kept[:old].reshape(-1), seen[seen.shape[0] - old :].reshape(-1))
    copy(kept[old:].reshape(-1), fresh[new - (count - 1 - old) :].reshape(-1))
    return y, kept


@compiled
def _add_product(sums: Doubles, x: Doubles, h: Doubles) -> None:
    total, total_i, xr, xi, hr, hi = sums[0], sums[1], x[0], x[1], h[0], h[1]
    for k in range(0, total.size, LANES):
        a, ai = load_doubles(xr, k), load_doubles(xi, k)
        b, bi = load_doubles(hr, k), load_doubles(hi, k)
        store(total, k, load_doubles(total, k) + (a * b - ai * bi))
        store(total_i, k, load_doubles(total_i, k) + (a * bi + ai * b))


@compiled
def _unfold(x: Doubles, z: Doubles, lane: int, places: Integers, turns: Doubles) -> None:
    """The spectrum of a real signal from that of its even and odd items together."""
    half = places.size
    for k in range(half + 1):
        p, q = 8 * places[k % half] + lane, 8 * places[(half - k) % half] + lane
        even, even_i = 0.5 * (z[p] + z[q]), 0.5 * (z[p + 4] - z[q + 4])
        odd, odd_i = 0.5 * (z[p + 4] + z[q + 4]), 0.5 * (z[q] - z[p])
        w, wi = turns[0, k], turns[1, k]
        x[0, k] = even + (w * odd - wi * odd_i)
        x[1, k] = even_i + (w * odd_i + wi * odd)


@compiled
def _fold(z: Doubles, lane: int, y: Doubles, places: Integers, turns: Doubles) -> None:
    """The other way."""
    half = places.size
    for k in range(half):
        p, m = 8 * places[k] + lane, half - k
        even, even_i = 0.5 * (y[0, k] + y[0, m]), 0.5 * (y[1, k] - y[1, m])
        gap, gap_i = 0.5 * (y[0, k] - y[0, m]), 0.5 * (y[1, k] + y[1, m])
        w, wi = turns[0, k], -turns[1, k]
        z[p] = even - (w * gap_i + wi * gap)
        z[p + 4] = even_i + (w * gap - wi * gap_i)
