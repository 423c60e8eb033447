"""The discrete Fourier transform of four signals side by side, in float64.

A signal of N = 2 M real numbers is transformed as M complex ones, `z[k] = x[2k] + i x[2k+1]`. Rows
are four lanes wide, so they lie in memory as they come: row t is `x[t]` of each lane, and two rows
are a complex one. Lanes are never mixed: what one gives does not depend on the others.

Forward, butterflies of four go from wide to narrow (Gentleman and Sande, 1966) and leave the
frequencies in an order of their own; backward they go the other way (Cooley and Tukey, 1965), from
that order. Between the two nothing needs them sorted.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.simd import all_doubles, load_doubles, store

if TYPE_CHECKING:
    from corrente_pipelines.numerics.simd import Doubles as Vector

Doubles = NDArray[np.float64]

LANES = 4
_ROW = 2 * LANES  # a complex number of each lane: the real parts, then the imaginary ones
_NEAR = 2048  # so many rows are done with before the next are begun: a cache holds them


class Transform(NamedTuple):
    """The tables of a transform of complex numbers, as many as a power of two."""

    twiddles: Doubles
    """Of every butterfly, wide to narrow: three complex numbers each."""
    places: NDArray[np.int64]
    """Where frequency k lies after `forward`."""


@lru_cache(maxsize=32)
def transform(count: int) -> Transform:
    """The tables for so many complex numbers; raises ValueError unless it is a power of two."""
    if count < 1 or count & (count - 1):
        raise ValueError(f"a transform has a power of two of numbers, got {count}")
    tables = [np.empty(0)]
    width = count
    while width >= 4:
        turns = np.arange(width // 4)[:, np.newaxis] * (1, 2, 3) / width
        roots = np.asarray(np.exp(-2j * np.pi * turns), np.complex128)
        tables.append(np.stack([roots.real, roots.imag], axis=-1).ravel())
        width //= 4
    return Transform(np.concatenate(tables), np.argsort(_frequencies(count)))


def _frequencies(count: int) -> NDArray[np.int64]:
    """The frequency at every place after `forward`."""
    found = np.zeros(count, np.int64)
    rest, width, scale = np.arange(count), count, 1
    while width > 1:
        radix = 4 if width >= 4 else 2
        width //= radix
        found += scale * (rest // width)
        rest %= width
        scale *= radix
    return found


@numba.njit(nogil=True, cache=True)
def forward(z: Doubles, count: int, twiddles: Doubles) -> None:
    """`Z[k] = sum_n z[n] exp(-2 pi i k n / count)`, in place."""
    width, table = count, 0
    while width >= 4:
        for first in range(0, count * _ROW, width * _ROW):
            _split(z, first, width // 4, twiddles, table)
        table += width // 4 * 6
        width //= 4
    if width == 2:
        _pairs(z, count)


@numba.njit(nogil=True, cache=True)
def backward(z: Doubles, count: int, twiddles: Doubles) -> None:
    """`z[n] = sum_k Z[k] exp(2 pi i k n / count)`, in place: `count` times what it came from."""
    width, table = count, twiddles.size
    while width >= 4:
        width //= 4
    if width == 2:
        _pairs(z, count)
    while width < count:
        width *= 4
        table -= width // 4 * 6
        for first in range(0, count * _ROW, width * _ROW):
            _merge(z, first, width // 4, twiddles, table)


@numba.njit(nogil=True, cache=True)
def _split(z: Doubles, first: int, quarter: int, w: Doubles, table: int) -> None:
    step = quarter * _ROW
    for k in range(quarter):
        p, t = first + k * _ROW, table + 6 * k
        a, ai = load_doubles(z, p), load_doubles(z, p + 4)
        b, bi = load_doubles(z, p + step), load_doubles(z, p + step + 4)
        c, ci = load_doubles(z, p + 2 * step), load_doubles(z, p + 2 * step + 4)
        d, di = load_doubles(z, p + 3 * step), load_doubles(z, p + 3 * step + 4)
        even, even_i, odd, odd_i = a + c, ai + ci, a - c, ai - ci
        sums, sums_i, gaps, gaps_i = b + d, bi + di, b - d, bi - di
        store(z, p, even + sums)
        store(z, p + 4, even_i + sums_i)
        _put_turned(z, p + step, odd + gaps_i, odd_i - gaps, w, t)
        _put_turned(z, p + 2 * step, even - sums, even_i - sums_i, w, t + 2)
        _put_turned(z, p + 3 * step, odd - gaps_i, odd_i + gaps, w, t + 4)


@numba.njit(nogil=True, cache=True, inline="always")
def _put_turned(
    z: Doubles, p: int, real: "Vector", imaginary: "Vector", w: Doubles, t: int
) -> None:
    wr, wi = all_doubles(w[t]), all_doubles(w[t + 1])
    store(z, p, real * wr - imaginary * wi)
    store(z, p + 4, real * wi + imaginary * wr)


@numba.njit(nogil=True, cache=True)
def _merge(z: Doubles, first: int, quarter: int, w: Doubles, table: int) -> None:
    step = quarter * _ROW
    for k in range(quarter):
        p, t = first + k * _ROW, table + 6 * k
        a, ai = load_doubles(z, p), load_doubles(z, p + 4)
        b, bi = _turned_back(z, p + step, w, t)
        c, ci = _turned_back(z, p + 2 * step, w, t + 2)
        d, di = _turned_back(z, p + 3 * step, w, t + 4)
        even, even_i, odd, odd_i = a + c, ai + ci, a - c, ai - ci
        sums, sums_i, gaps, gaps_i = b + d, bi + di, b - d, bi - di
        store(z, p, even + sums)
        store(z, p + 4, even_i + sums_i)
        store(z, p + step, odd - gaps_i)
        store(z, p + step + 4, odd_i + gaps)
        store(z, p + 2 * step, even - sums)
        store(z, p + 2 * step + 4, even_i - sums_i)
        store(z, p + 3 * step, odd + gaps_i)
        store(z, p + 3 * step + 4, odd_i - gaps)


@numba.njit(nogil=True, cache=True, inline="always")
def _turned_back(z: Doubles, p: int, w: Doubles, t: int) -> "tuple[Vector, Vector]":
    real, imaginary = load_doubles(z, p), load_doubles(z, p + 4)
    wr, wi = all_doubles(w[t]), all_doubles(w[t + 1])
    return real * wr + imaginary * wi, imaginary * wr - real * wi


@numba.njit(nogil=True, cache=True)
def _pairs(z: Doubles, count: int) -> None:
    for p in range(0, count * _ROW, 2 * _ROW):
        a, ai = load_doubles(z, p), load_doubles(z, p + 4)
        b, bi = load_doubles(z, p + _ROW), load_doubles(z, p + _ROW + 4)
        store(z, p, a + b)
        store(z, p + 4, ai + bi)
        store(z, p + _ROW, a - b)
        store(z, p + _ROW + 4, ai - bi)
