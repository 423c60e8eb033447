"""The discrete Fourier transform of four signals side by side, in float64.

A signal of N = 2 M real numbers is transformed as M complex ones, `z[k] = x[2k] + i x[2k+1]`. Rows
are four lanes wide, so they lie in memory as they come: row t is `x[t]` of each lane, and two rows
are a complex one. Lanes are never mixed: what one gives does not depend on the others.

Forward, butterflies go from wide to narrow (Gentleman and Sande, 1966) and leave the frequencies in
an order of their own; backward they go the other way (Cooley and Tukey, 1965), from that order.
Between the two nothing needs them sorted. All are of four, but the widest where the number of
numbers is an odd power of two. The narrowest, of four neighbours, turn nothing: who has more to do
with neighbours does it with them, between `split` and `merge`.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.simd import load_all_doubles, load_doubles, store

if TYPE_CHECKING:
    from corrente_pipelines.numerics.simd import Doubles as Vector

    Complex = tuple[Vector, Vector]

Doubles = NDArray[np.float64]
Reals = NDArray[np.float64] | NDArray[np.float32]
Integers = NDArray[np.int64]

LANES = 4
ROW = 2 * LANES
"""A complex number of each lane: the real parts, then the imaginary ones."""

SMALLEST = 8
"""Complex numbers of the smallest transform."""


class Transform(NamedTuple):
    """The tables of a transform of complex numbers, as many as a power of two."""

    twiddles: Doubles
    """Of every butterfly, wide to narrow: a complex number for all of its parts but the first."""
    frequencies: Integers
    """The frequency at every place after `forward`."""
    places: Integers
    """Where frequency k lies after `forward`."""


@lru_cache(maxsize=32)
def transform(count: int) -> Transform:
    """The tables for so many complex numbers; ValueError unless a power of two, 8 or more."""
    if count < SMALLEST or count & (count - 1):
        raise ValueError(f"a transform has a power of two of numbers, at least 8, got {count}")
    tables, frequencies = [np.empty(0)], np.zeros(count, np.int64)
    rest, width, scale = np.arange(count), count, 1
    while width > 1:
        radix = 2 if width == count and _is_odd_power(count) else 4
        turns = np.arange(width // radix)[:, np.newaxis] * np.arange(1, radix) / width
        roots = np.asarray(np.exp(-2j * np.pi * turns), np.complex128)
        tables.append(np.stack([roots.real, roots.imag], axis=-1).ravel())
        width //= radix
        frequencies += scale * (rest // width)
        rest %= width
        scale *= radix
    return Transform(np.concatenate(tables), frequencies, np.argsort(frequencies))


@compiled
def _is_odd_power(count: int) -> bool:
    power = 0
    while count > 1:
        count //= 2
        power += 1
    return power % 2 == 1


@compiled
def forward(z: Doubles, count: int, twiddles: Doubles) -> None:
    """`Z[k] = sum_n z[n] exp(-2 pi i k n / count)`, in place."""
    split(z, 0, count, twiddles)
    split_neighbours(z, 0, count)


@compiled
def backward(z: Doubles, count: int, twiddles: Doubles) -> None:
    """`z[n] = sum_k Z[k] exp(2 pi i k n / count)`, in place: `count` times what it came from."""
    for p in range(0, count * ROW, 4 * ROW):
        a, b, c, d = load(z, p), load(z, p + ROW), load(z, p + 2 * ROW), load(z, p + 3 * ROW)
        put_merged(z, p, a, b, c, d)
    merge(z, count, twiddles)
    merge_last(z, count, twiddles, z, 0, ROW, count)


@compiled
def split(z: Doubles, first: int, count: int, twiddles: Doubles) -> None:
    """All passes of `forward` but the last, of the numbers from `z[first]` on."""
    width, table = count, 0
    if _is_odd_power(count):
        width //= 2
        _split_twos(z, first, width, twiddles)
        table = count
    while width > 4:
        for at in range(0, count, width):
            _split_fours(z, first + at * ROW, width // 4, twiddles, table)
        table += width // 4 * 6
        width //= 4


@compiled
def split_neighbours(z: Doubles, first: int, count: int) -> None:
    """The last pass of `forward`."""
    for p in range(first, first + count * ROW, 4 * ROW):
        a, b, c, d = load(z, p), load(z, p + ROW), load(z, p + 2 * ROW), load(z, p + 3 * ROW)
        a, b, c, d = butterfly(a, b, c, d)
        put(z, p, a)
        put(z, p + ROW, b)
        put(z, p + 2 * ROW, c)
        put(z, p + 3 * ROW, d)


@inlined
def put_merged(z: Doubles, p: int, a: "Complex", b: "Complex", c: "Complex", d: "Complex") -> None:
    """The first pass of `backward`, of four neighbours, which go to `z[p]`."""
    a, d, c, b = butterfly(a, b, c, d)
    put(z, p, a)
    put(z, p + ROW, b)
    put(z, p + 2 * ROW, c)
    put(z, p + 3 * ROW, d)


@compiled
def merge(z: Doubles, count: int, twiddles: Doubles) -> None:
    """All passes of `backward` but the first, of neighbours, and the last."""
    last = count // 2 if _is_odd_power(count) else count // 4
    width, table = 4, twiddles.size - 6
    while width < last:
        width *= 4
        table -= width // 4 * 6
        for at in range(0, count, width):
            _merge_fours(z, at * ROW, width // 4, twiddles, table, z, at * ROW, ROW, width)


@compiled
def merge_last(
    z: Doubles, count: int, twiddles: Doubles, out: Reals, first: int, step: int, limit: int
) -> None:
    """The last pass of `backward`; number k, of the first `limit`, goes to `out[first + k step]`.

    There too the real parts come first, then the imaginary ones.
    """
    if _is_odd_power(count):
        half = count // 2
        for k in range(half):
            p = first + k * step
            a, b = load(z, k * ROW), _turned_back(load(z, (k + half) * ROW), twiddles, 2 * k)
            if k < limit:
                put(out, p, (a[0] + b[0], a[1] + b[1]))
            if k + half < limit:
                put(out, p + half * step, (a[0] - b[0], a[1] - b[1]))
    else:
        _merge_fours(z, 0, count // 4, twiddles, 0, out, first, step, limit)


@inlined
def load(z: Doubles, p: int) -> "Complex":
    """The complex number at `z[p]`, of each lane."""
    return load_doubles(z, p), load_doubles(z, p + LANES)


@inlined
def put(z: Reals, p: int, number: "Complex") -> None:
    """Stores one."""
    store(z, p, number[0])
    store(z, p + LANES, number[1])


@inlined
def butterfly(
    a: "Complex", b: "Complex", c: "Complex", d: "Complex"
) -> "tuple[Complex, Complex, Complex, Complex]":
    """The transform of four numbers; the one back has the second and the fourth exchanged."""
    even, even_i, odd, odd_i = a[0] + c[0], a[1] + c[1], a[0] - c[0], a[1] - c[1]
    sums, sums_i, gaps, gaps_i = b[0] + d[0], b[1] + d[1], b[0] - d[0], b[1] - d[1]
    return (
        (even + sums, even_i + sums_i),
        (odd + gaps_i, odd_i - gaps),
        (even - sums, even_i - sums_i),
        (odd - gaps_i, odd_i + gaps),
    )


@compiled
def _split_twos(z: Doubles, first: int, half: int, w: Doubles) -> None:
    for k in range(half):
        p, q = first + k * ROW, first + (k + half) * ROW
        a, b = load(z, p), load(z, q)
        put(z, p, (a[0] + b[0], a[1] + b[1]))
        put(z, q, _turned((a[0] - b[0], a[1] - b[1]), w, 2 * k))


@compiled
def _split_fours(z: Doubles, first: int, quarter: int, w: Doubles, table: int) -> None:
    step = quarter * ROW
    for k in range(quarter):
        p, t = first + k * ROW, table + 6 * k
        a, b, c, d = load(z, p), load(z, p + step), load(z, p + 2 * step), load(z, p + 3 * step)
        a, b, c, d = butterfly(a, b, c, d)
        put(z, p, a)
        put(z, p + step, _turned(b, w, t))
        put(z, p + 2 * step, _turned(c, w, t + 2))
        put(z, p + 3 * step, _turned(d, w, t + 4))


@compiled
def _merge_fours(
    z: Doubles,
    first: int,
    quarter: int,
    w: Doubles,
    table: int,
    out: Reals,
    to: int,
    step: int,
    limit: int,
) -> None:
    far, apart = quarter * ROW, quarter * step
    for k in range(quarter):
        p, q, t = first + k * ROW, to + k * step, table + 6 * k
        a, b = load(z, p), _turned_back(load(z, p + far), w, t)
        c = _turned_back(load(z, p + 2 * far), w, t + 2)
        d = _turned_back(load(z, p + 3 * far), w, t + 4)
        a, d, c, b = butterfly(a, b, c, d)
        if k < limit:
            put(out, q, a)
        if k + quarter < limit:
            put(out, q + apart, b)
        if k + 2 * quarter < limit:
            put(out, q + 2 * apart, c)
        if k + 3 * quarter < limit:
            put(out, q + 3 * apart, d)


@inlined
def _turned(z: "Complex", w: Doubles, t: int) -> "Complex":
    wr, wi = load_all_doubles(w, t), load_all_doubles(w, t + 1)
    return z[0] * wr - z[1] * wi, z[0] * wi + z[1] * wr


@inlined
def _turned_back(z: "Complex", w: Doubles, t: int) -> "Complex":
    wr, wi = load_all_doubles(w, t), load_all_doubles(w, t + 1)
    return z[0] * wr + z[1] * wi, z[1] * wr - z[0] * wi
