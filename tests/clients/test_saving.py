"""Blocks in files, read back by the libraries that own the formats."""

from typing import Any

import cv2
import numpy as np
import pytest
from msgspec.structs import replace
from scipy.io import wavfile

from corrente import Block, Format, FormatError
from corrente.format import format_of
from corrente.saving import Recording
from corrente.sources import read_items

TOPIC = "imu/7/p/s"
SIGNAL = format_of((2,), 100, labels=("x", "y"))
GREY = format_of((4, 5), 30, "uint8")
X = np.random.default_rng(1).normal(size=(20, 2)).astype("float32")


def block(index, data, format=SIGNAL, gap=None, topic=TOPIC):
    stream, pipeline, stage = topic.rsplit("/", 2)
    return Block(stream, pipeline, stage, index, data, 0, format, gap)


def save(path, *blocks, topics=(TOPIC,)):
    with Recording(path, topics) as recording:
        for one in blocks:
            recording.save(one)


GAPPED = (block(3, X[3:8]), block(8, X[8:8]), block(8, X[8:10]), block(15, X[15:], gap=(10, 15)))
INDICES = [*range(3, 10), *range(15, 20)]


def test_an_npz_has_items_indices_and_gaps_of_every_topic(tmp_path, capsys):
    frames = np.random.default_rng(2).integers(0, 256, (3, 4, 5), "uint8")
    cam = block(0, frames, GREY, topic="cam/1/p/s")
    empty = block(0, X[:0], gap=(0, 9), topic="imu/8/p/s")
    save(tmp_path / "x.npz", *GAPPED[:2], cam, *GAPPED[2:], empty, topics=["*/*/p/s"])
    with np.load(tmp_path / "x.npz") as saved:
        arrays = dict(saved)
    assert np.array_equal(arrays[TOPIC], X[INDICES])
    assert arrays[TOPIC + "@indices"].tolist() == INDICES
    assert arrays[TOPIC + "@gaps"].tolist() == [[10, 15]]
    assert np.array_equal(arrays["cam/1/p/s"], frames)
    assert arrays["cam/1/p/s@gaps"].shape == (0, 2)
    assert arrays["imu/8/p/s"].shape == (0, 2)
    assert arrays["imu/8/p/s@indices"].tolist() == []
    assert arrays["imu/8/p/s@gaps"].tolist() == [[0, 9]]
    assert len(arrays) == 9
    assert list(tmp_path.iterdir()) == [tmp_path / "x.npz"]
    assert capsys.readouterr().err.splitlines() == [
        f"corrente sub: {TOPIC}: items 10 to 14 are missing",
        "corrente sub: imu/8/p/s: items 0 to 8 are missing",
        f"corrente sub: {tmp_path / 'x.npz'}: 15 items, 2 gaps",
    ]
    assert np.array_equal(next(read_items(f"{tmp_path}/x.npz:{TOPIC}", 100).blocks()), X[INDICES])


EVENTS = Format(
    kind="events", shape=(2,), dtype="float64", labels=("index", "direction"), rate_hz=360
)
ROWS = np.array([[720.1, 1], [725 + 1 / 3, -1], [801, 1]])


def events(index, rows, covered, gap=None):
    stream, pipeline, stage = TOPIC.rsplit("/", 2)
    return Block(stream, pipeline, stage, index, rows, 0, EVENTS, gap, covered=covered)


BEATS = (
    events(700, ROWS[:0], 20),
    events(720, ROWS[:2], 10),
    events(800, ROWS[2:], 5, gap=(730, 800)),
)


def test_an_npz_has_the_rows_of_events_and_what_they_cover(tmp_path, capsys):
    save(tmp_path / "x.npz", *BEATS)
    with np.load(tmp_path / "x.npz") as saved:
        arrays = dict(saved)
    assert np.array_equal(arrays.pop(TOPIC), ROWS)
    assert arrays.pop(TOPIC + "@covered").tolist() == [[700, 730], [800, 805]]
    assert arrays.pop(TOPIC + "@gaps").tolist() == [[730, 800]]
    assert not arrays
    assert capsys.readouterr().err.splitlines() == [
        f"corrente sub: {TOPIC}: items 730 to 799 are missing",
        f"corrente sub: {tmp_path / 'x.npz'}: 35 items, 1 gaps",
    ]


def test_a_csv_of_events_has_a_row_for_each_under_the_names_of_the_columns(tmp_path):
    save(tmp_path / "x.csv", *BEATS)
    assert (tmp_path / "x.csv").read_text().splitlines()[0] == "index,direction"
    saved = np.loadtxt(tmp_path / "x.csv", delimiter=",", skiprows=1)
    assert np.array_equal(saved, ROWS)


def test_a_topic_that_starts_over_is_told_and_its_indices_say_so(tmp_path, capsys):
    save(tmp_path / "x.npz", block(5, X[5:9]), block(0, X[:3]))
    with np.load(tmp_path / "x.npz") as saved:
        assert saved[TOPIC + "@indices"].tolist() == [5, 6, 7, 8, 0, 1, 2]
    assert f"{TOPIC} starts over at item 0\n" in capsys.readouterr().err


def test_an_npz_that_was_there_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "x.npz"
    path.write_text("old")
    with Recording(path, [TOPIC]) as recording:
        recording.save(block(0, X))
        assert path.read_text() == "old"
    assert np.load(path)[TOPIC].shape == (20, 2)


def test_a_csv_has_the_index_of_every_item(tmp_path):
    save(tmp_path / "x.csv", *GAPPED)
    assert (tmp_path / "x.csv").read_text().splitlines()[0] == "index,x,y"
    saved = np.loadtxt(tmp_path / "x.csv", delimiter=",", skiprows=1)
    assert saved[:, 0].tolist() == INDICES
    assert np.array_equal(saved[:, 1:].astype("float32"), X[INDICES])


@pytest.mark.parametrize("dtype", ["int32", "uint32", "float64"])
def test_numbers_of_a_csv_are_the_same_again(tmp_path, dtype):
    x = np.array([[1], [2**31 - 1], [7]], dtype) / (3 if dtype == "float64" else 1)
    x = x.astype(dtype)
    save(tmp_path / "x.csv", block(1 << 53, x, format_of((1,), 1, dtype)))
    head, first, *_ = (tmp_path / "x.csv").read_text().splitlines()
    assert head == "index,channel 0"
    assert first.startswith(f"{1 << 53},")
    saved = np.loadtxt(tmp_path / "x.csv", dtype, delimiter=",", skiprows=1, usecols=[1], ndmin=2)
    assert np.array_equal(saved, x)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_wav_plays_silence_where_items_are_missing(tmp_path, dtype, channels):
    x = np.random.default_rng(1).integers(0, 100, (9, channels)).astype(dtype)
    format = format_of((channels,), 8000, dtype)
    first = block(7, x[:4], format, gap=(0, 7))  # a gap before the beginning is not of the file
    save(tmp_path / "x.wav", first, block(16, x[4:], format, gap=(11, 16)))
    rate_hz, saved = wavfile.read(tmp_path / "x.wav")
    silence = np.full((5, channels), 128 if dtype == "uint8" else 0)
    assert (rate_hz, saved.dtype) == (8000, dtype)
    expected = np.concatenate([x[:4], silence, x[4:]])
    assert np.array_equal(saved.reshape(-1, channels), expected)
    source = read_items(str(tmp_path / "x.wav"))
    assert source.format == format
    assert np.array_equal(np.concatenate(list(source.blocks())), expected)


@pytest.mark.parametrize("late", [block(100 * 61, X, gap=(20, 100 * 61)), block(0, X)])
def test_a_wav_ends_validly_before_what_it_cannot_say(tmp_path, late):
    with pytest.raises(FormatError, match="ends here"):
        save(tmp_path / "x.wav", block(0, X), late)
    assert np.array_equal(wavfile.read(tmp_path / "x.wav")[1], X)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_a_folder_has_a_png_per_frame_named_by_its_index(tmp_path, shape, dtype):
    x = np.random.default_rng(1).integers(0, 256, (4, *shape)).astype(dtype)
    format = format_of(shape, 30, dtype)
    save(tmp_path / "shots", block(0, x[:2], format), block(9, x[2:], format, gap=(2, 9)))
    names = sorted(path.name for path in (tmp_path / "shots").iterdir())
    assert names == [f"{k:012}.png" for k in (0, 1, 9, 10)]
    for name, frame in zip(names, x, strict=True):
        seen: Any = cv2.imread(str(tmp_path / "shots" / name), cv2.IMREAD_UNCHANGED)
        if frame.shape[2:] == (3,):
            seen = seen[..., ::-1]  # OpenCV: blue, green, red
        if frame.shape[2:] == (4,):
            seen = seen[..., [2, 1, 0, 3]]
        assert np.array_equal(seen.reshape(shape), frame)


FRAMES = np.zeros((1, 4, 5), "uint8")
EDGES = block(0, FRAMES.astype("float32"), format_of((4, 5), 30))


@pytest.mark.parametrize(
    ("name", "first", "reason"),
    [
        (
            "x.csv",
            block(0, FRAMES, GREY),
            "a csv holds signals and events, and imu/7/p/s is frames",
        ),
        ("x.wav", block(0, FRAMES, GREY), "a wav holds signals"),
        ("x.wav", block(0, X, format_of((2,), 44.1)), r"a whole rate .* got 44\.1 Hz"),
        (
            "x.wav",
            block(0, X.astype("uint16"), format_of((2,), 1, "uint16")),
            "got signal of uint16",
        ),
        ("x", block(0, X), "a png holds frames"),
        ("x", events(0, ROWS, 9), "is events .* save it to an npz"),
        ("x.wav", events(0, ROWS, 9), "got events .* an npz holds anything"),
        ("x", EDGES, "uint8 or uint16 .* of float32; save it to an npz"),
        (
            "x",
            block(0, np.zeros((1, 4, 5, 2), "uint8"), format_of((4, 5, 2), 1, "uint8")),
            "1, 3 or 4",
        ),
    ],
    ids=range(9),
)
def test_what_does_not_fit_is_refused_with_what_does_and_leaves_nothing(
    tmp_path, capsys, name, first, reason
):
    with pytest.raises(FormatError, match=reason):
        save(tmp_path / name, first)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.csv", "x.wav", "x"])
def test_several_topics_go_to_an_npz_only(tmp_path, name):
    with pytest.raises(FormatError, match="several are saved to an npz"):
        Recording(tmp_path / name, ["a/p/s", "b/p/s"])
    format = GREY if name == "x" else SIGNAL
    data = FRAMES if name == "x" else X
    with pytest.raises(FormatError, match="holds one topic, a/p/s, and here is b/p/s"):
        save(
            tmp_path / name,
            block(0, data, format, topic="a/p/s"),
            block(0, data, format, topic="b/p/s"),
            topics=["*/p/s"],
        )


def test_a_format_that_changes_ends_the_file_validly(tmp_path):
    other = replace(block(20, X), format=format_of((2,), 50))
    with pytest.raises(FormatError, match="changed its format"):
        save(tmp_path / "x.npz", block(0, X), other)
    assert np.array_equal(np.load(tmp_path / "x.npz")[TOPIC], X)


def test_a_place_that_cannot_be_written_to_is_told_before_anything_comes(tmp_path):
    with pytest.raises(FormatError, match="no folder"):
        Recording(tmp_path / "nowhere" / "x.npz", [TOPIC])
    with pytest.raises(FormatError, match=r"saves to .npz, .csv, .wav, .* got .mp4"):
        Recording(tmp_path / "x.mp4", [TOPIC])
    (tmp_path / "x.png").touch()
    with pytest.raises(FormatError, match="not empty"):
        Recording(tmp_path, [TOPIC])
