"""Correlation of frames by Fourier transforms of tiles that overlap, in float64.

A tile of N x M pixels gives the `(N - h + 1) x (M - w + 1)` outputs whose windows lie inside it; so
many pixels on begins the next. Two tiles are transformed as the real and the imaginary part of one:
the kernels, which are real, keep them apart. The lanes of a transform down are four neighbouring
columns, those of a transform along four neighbouring frequencies of the first. Nothing needs either
sorted: a spectrum is multiplied in the order that the transforms leave it in.

Pixels that are not finite are taken for zero, and what they make of the outputs that see them is
added at the end.
"""

from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corrente_pipelines.numerics import sliding
from corrente_pipelines.numerics.compiled import compiled, inlined
from corrente_pipelines.numerics.fft import (
    LANES,
    ROW,
    butterfly,
    load,
    merge,
    merge_last,
    put,
    put_merged,
    split,
    split_neighbours,
    transform,
)
from corrente_pipelines.numerics.padding import Pad, framed
from corrente_pipelines.numerics.simd import (
    FLOATS,
    across,
    all_floats,
    halves_across,
    load_doubles,
    load_floats,
    store,
    store_high,
    store_low,
)

if TYPE_CHECKING:
    from corrente_pipelines.numerics.fft import Complex

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Pixels = NDArray[np.float32] | NDArray[np.uint8]

_APART = 4 * ROW  # float64s between rows that would else lie in the same lines of a cache
_LINE = 64  # bytes of such a line, at which arrays begin: no vector lies in two
_FEW = 16  # where one pixel of so many is not finite, a frame is summed directly


class Bank(NamedTuple):
    """Kernels as tiles are filtered with them."""

    kernels: Doubles
    """`(N, h, w, C)`, or `(1, h, w, 1)`, under which every channel is by itself."""
    is_shared: bool
    """Whether every channel is by itself."""
    centre: tuple[int, int]
    pad: Pad
    tile: tuple[int, int]
    """Pixels of a tile, down and along."""
    down: Doubles
    """The tables of a transform down."""
    along: Doubles
    spectra: Doubles
    """`(height / 4, N, C, width, 2, 4)`, flat: four frequencies down are lanes."""

    @property
    def valid(self) -> tuple[int, int]:
        """Outputs of a tile, down and along."""
        _, height, width, _ = self.kernels.shape
        return self.tile[0] - height + 1, self.tile[1] - width + 1


def bank(
    kernels: Doubles, is_shared: bool, centre: tuple[int, int], pad: Pad, tile: tuple[int, int]
) -> Bank:
    """The spectra of kernels in tiles that hold them, whose sides are powers of two, at least 8."""
    down, along = transform(tile[0]), transform(tile[1])
    maps, _, _, channels = kernels.shape
    h = np.conj(np.fft.fft2(kernels.transpose(0, 3, 1, 2), tile)) / prod(tile)
    h = h[:, :, down.frequencies][..., along.frequencies]
    h = h.reshape(maps, channels, -1, LANES, tile[1]).transpose(2, 0, 1, 4, 3)
    (spectra,) = _arrays(2 * h.size)
    np.stack([h.real, h.imag], axis=-2, out=spectra.reshape(*h.shape[:-1], 2, LANES))
    tables = (down.twiddles, along.twiddles)
    return Bank(kernels, is_shared, centre, pad, tile, *tables, spectra)


class Room(NamedTuple):
    """What two tiles are worked on in."""

    tiles: Floats
    """`(2, C, height, more than width)`."""
    numbers: Doubles
    """One transform."""
    spectra: Doubles
    """`(C, height / 4, more than width)` complex numbers of four lanes, which are frequencies."""
    columns: Doubles
    """`(N, outputs along + 3, more than height / 4)` of the same: a kernel's, back along."""
    outputs: Floats
    """`(N, height)` of the same: four columns, back down."""
    maps: Floats
    """`(2, outputs down, at least as many along, N)`, the last two as one."""


def _room(bank: Bank, channels: int, maps: int) -> Room:
    height, width = bank.tile
    groups, (rows, count) = height // LANES, bank.valid
    shapes = [
        (2, channels, height, width + _LINE // 4),
        (max(height, width) * ROW,),
        (channels, groups, width * ROW + _APART),
        (maps, count + LANES - 1, groups * ROW + _APART),
        (maps, height * ROW),
        (2, rows, (count + LANES - 1) // LANES * LANES * maps + _LINE // 4),
    ]
    tiles, numbers, spectra, columns, outputs, results = _arrays(*map(prod, shapes))
    # Lanes without a column hold numbers, too: arithmetic with whatever was there may be slow.
    columns = columns.reshape(shapes[3])
    columns[:, count:] = 0
    return Room(
        tiles.view(np.float32)[: tiles.size].reshape(shapes[0]),
        numbers,
        spectra.reshape(shapes[2]),
        columns,
        outputs.view(np.float32)[: outputs.size].reshape(shapes[4]),
        results.view(np.float32)[: results.size].reshape(shapes[5]),
    )


def _arrays(*sizes: int) -> list[Doubles]:
    """Arrays of float64 that begin where a line of a cache does."""
    line = _LINE // 8
    spans = [-(-size // line) * line for size in sizes]
    memory = np.empty(sum(spans) + line)
    at = -memory.ctypes.data % _LINE // 8
    found: list[Doubles] = []
    for size, span in zip(sizes, spans, strict=True):
        found.append(memory[at : at + size])
        at += span
    return found


def correlate(frames: Pixels, bank: Bank) -> Floats:
    """Frames `(n, H, W, C)` to maps `(n, H', W', N)`, or as many as channels; each by itself."""
    n, height, width, channels = frames.shape
    count, rows, columns, _ = bank.kernels.shape
    centre, shape = bank.centre, (height, width)
    if bank.pad == "valid":
        centre, shape = (0, 0), (height - rows + 1, width - columns + 1)
    y = np.empty((n, *shape, channels if bank.is_shared else count), np.float32)
    room = _room(bank, channels, y.shape[3])
    grid = (bank.is_shared, bank.pad == "edge", *centre, *bank.valid)
    tables = (bank.down, bank.along, bank.spectra)
    for x, maps in zip(frames, y, strict=True):
        planes = np.ascontiguousarray(x.transpose(2, 0, 1))
        if not _correlate(planes, *grid, *tables, room, maps):
            _mend(x, bank, maps)
    return y


@compiled
def _correlate(
    planes: Pixels,
    is_shared: bool,
    repeats: bool,
    above: int,
    before: int,
    rows: int,
    count: int,
    down: Doubles,
    along: Doubles,
    kernels: Doubles,
    room: Room,
    y: Floats,
) -> bool:
    """A frame `(C, H, W)` to its outputs `(H', W', N)`, two tiles at a time; whether it is finite.

    A tile has `rows` outputs down and `count` along; the first window begins `above` rows and
    `before` columns beyond the frame's borders.
    """
    tiles, z, spectra, columns, outputs, maps = room
    width = (spectra.shape[2] - _APART) // ROW
    beside = -(-y.shape[1] // count)
    total = -(-y.shape[0] // rows) * beside
    is_finite = True
    for k in range(0, total, 2):
        for part in range(2):  # of an odd number the last has another one below the frame
            top, left = (k + part) // beside * rows, (k + part) % beside * count
            if not _cut(tiles[part], planes, width, top - above, left - before, repeats):
                is_finite = False
        wanted = min(count, y.shape[1] - min(k % beside, (k + 1) % beside) * count)
        _down(tiles, down, z, spectra)
        _along(spectra, kernels, is_shared, along, z, columns, wanted)
        _up(columns, down, z, outputs, maps, wanted)
        for part in range(2):
            top, left = (k + part) // beside * rows, (k + part) % beside * count
            _place(maps[part], wanted, y, top, left)
    return is_finite


@compiled
def _cut(tile: Floats, planes: Pixels, size: int, top: int, left: int, repeats: bool) -> bool:
    """Planes `(C, H, W)` from a row and a column on, zero for what is not finite; whether all was.

    What lies beyond a border is the pixel at it, which is inside the tile, if that `repeats`, else
    zero.
    """
    channels, height, width = planes.shape
    pixels, out, stride = planes.reshape(-1), tile.reshape(-1), tile.shape[2]
    first = min(max(-left, 0), size)
    last = max(min(width - left, size), first)
    wrong, wrong_vector = np.float32(0), all_floats(np.float32(0))
    for row in range(channels * tile.shape[1]):
        c, i = row // tile.shape[1], row % tile.shape[1]
        inside = min(max(top + i, 0), height - 1)
        q = row * stride
        if inside != top + i and not repeats:
            out[q : q + size] = 0
            continue
        begin = (c * height + inside) * width
        for j in range(first, last - FLOATS + 1, FLOATS):
            x = load_floats(pixels, begin + left + j)
            wrong_vector = wrong_vector + (x - x)
            store(out, q + j, x)
        for j in range(last - (last - first) % FLOATS, last):
            number = np.float32(pixels[begin + left + j])
            wrong += number - number
            out[q + j] = number
        before = np.float32(pixels[begin]) if repeats else np.float32(0)
        behind = np.float32(pixels[begin + width - 1]) if repeats else np.float32(0)
        out[q : q + first] = before
        out[q + last : q + size] = behind
    sums = np.empty(FLOATS, np.float32)
    store(sums, 0, wrong_vector)
    is_finite = wrong == 0 and not np.isnan(sums).any()
    if not is_finite:
        flat = out[: channels * tile.shape[1] * stride]
        for p in range(flat.size):
            flat[p] = flat[p] if np.isfinite(flat[p]) else np.float32(0)
    return is_finite


@compiled
def _down(tiles: Floats, twiddles: Doubles, z: Doubles, spectra: Doubles) -> None:
    """Transforms of the columns of two tiles, every channel's."""
    channels, height, stride = tiles.shape[1], tiles.shape[2], tiles.shape[3]
    groups, step = spectra.shape[1], spectra.shape[2]
    out = spectra.reshape(-1)
    for c in range(channels):
        real, imaginary = tiles[0, c].reshape(-1), tiles[1, c].reshape(-1)
        for j in range(0, (step - _APART) // ROW, LANES):
            for i in range(height):
                p = i * stride + j
                put(z, i * ROW, (load_doubles(real, p), load_doubles(imaginary, p)))
            split(z, 0, height, twiddles)
            for g in range(groups):
                p, q = g * LANES * ROW, (c * groups + g) * step + j * ROW
                a0, a1, a2, a3 = butterfly(
                    load(z, p), load(z, p + ROW), load(z, p + 2 * ROW), load(z, p + 3 * ROW)
                )
                a0, a1, a2, a3 = _across(a0, a1, a2, a3)
                put(out, q, a0)
                put(out, q + ROW, a1)
                put(out, q + 2 * ROW, a2)
                put(out, q + 3 * ROW, a3)


@inlined
def _across(
    a: "Complex", b: "Complex", c: "Complex", d: "Complex"
) -> "tuple[Complex, Complex, Complex, Complex]":
    """Four numbers of four lanes, the lanes as the numbers."""
    real, imaginary = across(a[0], b[0], c[0], d[0]), across(a[1], b[1], c[1], d[1])
    return (
        (real[0], imaginary[0]),
        (real[1], imaginary[1]),
        (real[2], imaginary[2]),
        (real[3], imaginary[3]),
    )


@compiled
def _along(
    spectra: Doubles,
    kernels: Doubles,
    is_shared: bool,
    twiddles: Doubles,
    z: Doubles,
    columns: Doubles,
    count: int,
) -> None:
    """Transforms along, products with the kernels' spectra, and transforms back of `count` columns.

    `spectra` are those of the columns before, and of the tiles behind.
    """
    channels, groups, step = spectra.shape
    maps, made, apart = columns.shape
    width = (step - _APART) // ROW
    x, out = spectra.reshape(-1), columns.reshape(-1)
    terms = 1 if is_shared else channels
    for g in range(groups):
        for c in range(channels):
            split(x, (c * groups + g) * step, width, twiddles)
            split_neighbours(x, (c * groups + g) * step, width)
        for m in range(maps):
            first, factor = g * step, (g * maps + m) * channels * width * ROW
            if is_shared:
                first, factor = (m * groups + g) * step, g * width * ROW
            _products(x, first, groups * step, kernels, factor, terms, width, z)
            merge(z, width, twiddles)
            merge_last(z, width, twiddles, out, m * made * apart + g * ROW, apart, count)


@compiled
def _products(
    x: Doubles,
    first: int,
    step: int,
    h: Doubles,
    factor: int,
    terms: int,
    width: int,
    z: Doubles,
) -> None:
    """The sum of products of spectra, `step` from one term to the next, and a first pass back."""
    for k in range(0, width * ROW, 4 * ROW):
        p, q = first + k, factor + k
        a, b = _product(x, p, h, q), _product(x, p + ROW, h, q + ROW)
        c, d = _product(x, p + 2 * ROW, h, q + 2 * ROW), _product(x, p + 3 * ROW, h, q + 3 * ROW)
        for _ in range(1, terms):
            p, q = p + step, q + width * ROW
            a, b = _sum(a, _product(x, p, h, q)), _sum(b, _product(x, p + ROW, h, q + ROW))
            c = _sum(c, _product(x, p + 2 * ROW, h, q + 2 * ROW))
            d = _sum(d, _product(x, p + 3 * ROW, h, q + 3 * ROW))
        put_merged(z, k, a, b, c, d)


@inlined
def _product(x: Doubles, p: int, h: Doubles, q: int) -> "Complex":
    a, b = load(x, p), load(h, q)
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


@inlined
def _sum(a: "Complex", b: "Complex") -> "Complex":
    return a[0] + b[0], a[1] + b[1]


@compiled
def _up(
    columns: Doubles, twiddles: Doubles, z: Doubles, outputs: Floats, maps: Floats, count: int
) -> None:
    """Transforms of `count` columns back, the outputs of both tiles as they lie in frames."""
    kernels, made, apart = columns.shape
    height, x, out = outputs.shape[1] // ROW, columns.reshape(-1), outputs.reshape(-1)
    for j in range(0, count, LANES):
        for m in range(kernels):
            first = (m * made + j) * apart
            for g in range(height // LANES):
                p = first + g * ROW
                a, b, c, d = _across(
                    load(x, p), load(x, p + apart), load(x, p + 2 * apart), load(x, p + 3 * apart)
                )
                put_merged(z, g * LANES * ROW, a, b, c, d)
            merge(z, height, twiddles)
            merge_last(z, height, twiddles, out, m * height * ROW, ROW, maps.shape[1])
        _interleave(outputs, maps, j)


@compiled
def _interleave(outputs: Floats, maps: Floats, j: int) -> None:
    """Four columns of two tiles, of every kernel, to where they lie in maps."""
    kernels, step = outputs.shape
    rows, width = maps.shape[1], maps.shape[2]
    x, real, imaginary = outputs.reshape(-1), maps[0].reshape(-1), maps[1].reshape(-1)
    by_four = kernels // 4 * 4
    for i in range(rows):
        p, q = i * ROW, i * width + j * kernels
        for m in range(0, by_four, 4):
            o, t = p + m * step, q + m
            a, b, c, d = halves_across(
                load_floats(x, o),
                load_floats(x, o + step),
                load_floats(x, o + 2 * step),
                load_floats(x, o + 3 * step),
            )
            store_low(real, t, a)
            store_low(real, t + kernels, b)
            store_low(real, t + 2 * kernels, c)
            store_low(real, t + 3 * kernels, d)
            store_high(imaginary, t, a)
            store_high(imaginary, t + kernels, b)
            store_high(imaginary, t + 2 * kernels, c)
            store_high(imaginary, t + 3 * kernels, d)
        if kernels == 1:
            store_low(real, q, load_floats(x, p))
            store_high(imaginary, q, load_floats(x, p))
            continue
        for m in range(by_four, kernels):
            for k in range(LANES):
                real[q + k * kernels + m] = x[p + m * step + k]
                imaginary[q + k * kernels + m] = x[p + m * step + LANES + k]


@compiled
def _place(maps: Floats, count: int, y: Floats, top: int, left: int) -> None:
    """Maps of a tile, `count` columns, to where they lie in a frame's outputs `(H', W', N)`.

    Whole rows: outputs are put into memory that no cache holds, column by column it would be slow.
    """
    height, width, kernels = y.shape
    size = min(count, width - left) * kernels
    x, flat = maps.reshape(-1), y.reshape(-1)
    for i in range(min(maps.shape[0], height - top)):
        p, q = i * maps.shape[1], ((top + i) * width + left) * kernels
        for k in range(0, size - FLOATS + 1, FLOATS):
            store(flat, q + k, load_floats(x, p + k))
        for k in range(max(size, 0) // FLOATS * FLOATS, size):
            flat[q + k] = x[p + k]


def _mend(x: Pixels, bank: Bank, y: Floats) -> None:
    """Puts right a frame's outputs `(H', W', N)` that see a pixel that is not finite.

    Where many do, all are summed directly.
    """
    _, height, width, _ = bank.kernels.shape
    seen = framed(x[np.newaxis], (height, width), bank.pad, bank.centre)
    if np.count_nonzero(~np.isfinite(seen)) * _FEW <= seen.size:
        _add(seen[0], bank.kernels, bank.is_shared, y)
    elif bank.is_shared:
        y[:] = sliding.correlate(seen, bank.kernels[0, :, :, 0].astype(np.float32))[0]
    else:
        kernels = np.ascontiguousarray(bank.kernels.transpose(0, 3, 1, 2), np.float32)
        y[:] = sliding.correlate_bank(seen, kernels)[0]


@compiled
def _add(x: Floats, kernels: Doubles, is_shared: bool, y: Floats) -> None:
    """Adds to outputs `(H', W', N)` the products of what is not finite in `x`, margins included."""
    rows, columns = kernels.shape[1], kernels.shape[2]
    for r in range(x.shape[0]):
        for s in range(x.shape[1]):
            for c in range(x.shape[2]):
                if np.isfinite(x[r, s, c]):
                    continue
                for i in range(max(r - rows + 1, 0), min(r + 1, y.shape[0])):
                    for j in range(max(s - columns + 1, 0), min(s + 1, y.shape[1])):
                        for m in range(c if is_shared else 0, c + 1 if is_shared else y.shape[2]):
                            n, d = (0, 0) if is_shared else (m, c)
                            y[i, j, m] += kernels[n, r - i, s - j, d] * x[r, s, c]
