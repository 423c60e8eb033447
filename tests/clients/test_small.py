"""Blocks that are sent as they are."""

import numpy as np
import pytest

from corrente import Format
from corrente.packing import SMALL_BYTES
from corrente.small import SmallBlocks

SIGNAL = Format(kind="signal", shape=(3,), dtype="float32", rate_hz=7.0)
FRAMES = Format(kind="frames", shape=(4, 5), dtype="uint16", rate_hz=30.0)
RAMP = np.arange(24, dtype="<f4").reshape(8, 3)


@pytest.mark.parametrize(
    ("format", "items"),
    [
        (SIGNAL, RAMP),
        (SIGNAL, RAMP[::2]),
        (SIGNAL, np.asfortranarray(RAMP)),
        (SIGNAL, RAMP[::-1, ::-1]),
        (SIGNAL, np.broadcast_to(np.float32(2), (5, 3))),
        (FRAMES, np.arange(40, dtype="<u2").reshape(2, 4, 5)),
        (FRAMES, np.arange(40, dtype="<u2").reshape(2, 5, 4).transpose(0, 2, 1)),
    ],
    ids=range(7),
)
def test_a_block_of_the_format_is_its_bytes_however_it_lies_in_memory(format, items):
    assert SmallBlocks(format).payload(items) == format.block(items).tobytes()


@pytest.mark.parametrize(
    ("format", "items"),
    [
        (SIGNAL, RAMP.astype(">f4")),
        (SIGNAL, RAMP.astype("<f8")),
        (SIGNAL, RAMP.astype("<i4")),
        (SIGNAL, RAMP[0]),
        (SIGNAL, RAMP[:0]),
        (SIGNAL, RAMP[:, :2]),
        (SIGNAL, RAMP[:, :, np.newaxis]),
        (SIGNAL, np.float32(1)),
        (SIGNAL, RAMP.tolist()),
        (SIGNAL, np.ma.MaskedArray(RAMP, mask=RAMP > 5)),
        (SIGNAL, np.zeros((SMALL_BYTES // 12 + 1, 3), "<f4")),
        (FRAMES, np.zeros((4, 5), "<u2")),
        (FRAMES, np.zeros((4, 5, 1), "<u2")),
    ],
    ids=range(13),
)
def test_there_is_more_to_do_for_any_other(format, items):
    assert SmallBlocks(format).payload(items) is None


def test_a_block_lasts_from_its_first_item_to_its_last():
    small = SmallBlocks(SIGNAL)
    assert [small.lasts_ns(n) for n in (1, 8, 8, 15, 1)] == [0, 10**9, 10**9, 2 * 10**9, 0]
