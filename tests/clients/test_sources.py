"""Files written by the libraries that own the formats, read back."""

import struct
import wave
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import wavfile
from scipy.signal import chirp

from corrente import FormatError
from corrente.sources import cut, is_endless, read_items, says_rate
from corrente_pipelines import load

DIGITS = Path(__file__).parents[2] / "examples" / "pipelines" / "digits.yaml"


def whole(source):
    x = np.concatenate(list(source.blocks()))
    assert source.count in (None, len(x))
    return x


def first(source, n):
    blocks = source.blocks()
    x = next(blocks)
    while len(x) < n:
        x = np.concatenate([x, next(blocks)])
    return x[:n]


@pytest.mark.parametrize(
    ("shape", "dtype", "kind", "item"),
    [
        ((7,), "float32", "signal", (1,)),
        ((7, 3), "float64", "signal", (3,)),
        ((7, 4, 5), "uint8", "frames", (4, 5)),
        ((7, 4, 5, 3), "uint16", "frames", (4, 5, 3)),
    ],
)
def test_an_npy_is_its_items(tmp_path, shape, dtype, kind, item):
    x = (np.random.default_rng(1).random(shape) * 100).astype(dtype)
    np.save(tmp_path / "x.npy", x)
    source = read_items(str(tmp_path / "x.npy"), 250)
    assert (source.format.kind, source.format.shape) == (kind, item)
    assert (source.format.dtype, source.format.rate_hz) == (dtype, 250.0)
    assert np.array_equal(whole(source), x.reshape(7, *item))
    assert np.array_equal(whole(source), x.reshape(7, *item))  # and again from the beginning


def test_an_npz_is_one_of_its_arrays(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.zeros((3, 1), "float32"), b=np.ones((4, 2), "float32"))
    assert whole(read_items(f"{path}:b", 1)).shape == (4, 2)
    arrays: dict[str, Any] = {"cam:1/p/s": np.zeros((5, 1)), "b": np.zeros(1)}
    np.savez(tmp_path / "y.npz", **arrays)
    assert whole(read_items(f"{tmp_path}/y.npz:cam:1/p/s", 1)).shape == (5, 1)
    with pytest.raises(FormatError, match=r"2 arrays: name one of .*x\.npz:a, .*x\.npz:b"):
        read_items(str(path), 1)
    np.savez(path, only=np.zeros((3, 1), "float32"))
    assert whole(read_items(str(path), 1)).shape == (3, 1)


def test_a_csv_has_an_item_per_row_and_may_name_its_channels(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("x, y\n1,2\n3,4.5\n")
    source = read_items(str(path), 10)
    assert source.format.labels == ("x", "y")
    assert whole(source).tolist() == [[1, 2], [3, 4.5]]
    path.write_text("1\n2\n3\n")
    assert whole(read_items(str(path), 10)).tolist() == [[1], [2], [3]]
    path.write_text("1,2\n3\n")
    with pytest.raises(FormatError, match="columns"):
        read_items(str(path), 10)


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
def test_a_folder_of_images_is_frames_in_order_of_name_and_red_comes_first(tmp_path, shape):
    x = np.random.default_rng(1).integers(0, 256, (3, *shape), "uint8")
    for k, image in enumerate(x):
        cv2.imwrite(str(tmp_path / f"{k}.png"), image[..., ::-1] if image.ndim == 3 else image)
    (tmp_path / "notes.txt").write_text("not an image")
    source = read_items(str(tmp_path), 5)
    assert source.format.shape == shape
    assert np.array_equal(whole(source), x)


def test_images_of_different_size_are_told_apart(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 4), "uint8"))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((4, 5), "uint8"))
    with pytest.raises(FormatError, match=r"b\.png is \(4, 5\)"):
        whole(read_items(str(tmp_path), 5))


def test_a_video_knows_its_rate_and_red_comes_first(tmp_path):
    path = str(tmp_path / "x.mp4")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for level in (50, 100, 150, 200):
        writer.write(np.full((48, 64, 3), (0, 0, level), "uint8"))  # OpenCV: blue, green, red
    writer.release()
    source = read_items(path)
    assert (source.format.shape, source.format.dtype) == ((48, 64, 3), "uint8")
    assert source.format.rate_hz == pytest.approx(25)
    x = whole(source)
    assert x.mean((1, 2))[:, 0] == pytest.approx([50, 100, 150, 200], abs=5)
    assert x[..., 1:].max() < 20


def test_a_sine_has_one_period_per_second():
    x = first(read_items("sine"), 500)[:, 0]
    assert x == pytest.approx(np.sin(2 * np.pi * np.arange(500) / 250), abs=1e-6)


def test_a_chirp_sweeps_and_starts_over_without_a_jump():
    x = first(read_items("chirp", 1000), 10_300)[:, 0]
    swept = chirp(np.arange(10_000) / 1000, f0=1, t1=10, f1=50, phi=-90)
    assert x == pytest.approx(np.concatenate([swept, swept[:300]]), abs=1e-5)


def test_noise_is_white_gaussian_and_alike_for_one_seed_at_any_rate():
    x = first(read_items("noise"), 20_000)
    assert (x.mean(), x.std()) == pytest.approx((0, 1), abs=0.03)
    assert (x[1:] * x[:-1]).mean() == pytest.approx(0, abs=0.03)
    assert np.array_equal(x, first(read_items("noise:0", 7), 20_000))
    assert not np.array_equal(x, first(read_items("noise:1"), 20_000))


def test_bars_move_to_the_right():
    before, after = first(read_items("bars"), 2)
    assert set(np.unique(before)) == {64, 192}
    assert np.array_equal(after[:, 2:], before[:, :-2])


def test_the_network_reads_the_drawn_digits():
    x = first(read_items("digits", rate_hz=2), 12)  # half a second each
    classes = load(DIGITS).apply(x, rate_hz=2)["digit"].argmax(1)
    assert classes.tolist() == [*range(10), 0, 1]


def test_moving_digits_are_those_at_rest_elsewhere_in_every_frame():
    still, moving = first(read_items("digits"), 300), first(read_items("digits:moving"), 300)
    assert moving.shape == (300, 120, 160)
    seen = {(*np.argwhere(frame).min(0), frame.sum()) for frame in moving}
    assert len(seen) > 250
    for small, large in zip(still, moving, strict=True):
        y, x = np.argwhere(large).min(0) - np.argwhere(small).min(0)
        assert np.array_equal(large[y : y + 28, x : x + 28], small)
        assert large.sum() == small.sum()


@pytest.mark.parametrize(
    "name", ["sine:1", "bars:fast", "digits:1", "noise:x", "camera:door", "camera:99999999999"]
)
def test_an_option_that_is_none_is_refused(name):
    with pytest.raises(FormatError, match=name.partition(":")[2]):
        read_items(name)


def test_a_camera_that_is_not_there_is_told():
    with pytest.raises(FormatError, match="camera:99 gives no frames"):
        read_items("camera:99")


def test_what_has_no_end_and_what_knows_its_rate():
    endless = ["sine", "chirp", "noise", "noise:4", "bars", "digits:moving", "camera", "camera:1"]
    for name in endless:
        assert (is_endless(name), says_rate(name)) == (True, True)
    for name, knows in {"x.wav": True, "x.MP4": True, "x.npy": False, "camera.npy": False}.items():
        assert (is_endless(name), says_rate(name)) == (False, knows)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_wav_is_its_samples_and_knows_its_rate(tmp_path, dtype, channels):
    drawn = np.random.default_rng(1).integers(0, 200, (70_001, channels))
    path = tmp_path / "x.wav"
    wavfile.write(path, 8000, drawn.astype(dtype))
    source = read_items(str(path))
    assert (source.format.shape, source.format.dtype) == ((channels,), dtype)
    assert (source.format.rate_hz, source.count) == (8000.0, 70_001)
    assert np.array_equal(whole(source), drawn)
    assert read_items(str(path), 250).format.rate_hz == 250


def test_24_bits_of_a_wav_are_the_upper_ones_of_32(tmp_path):
    path = tmp_path / "x.wav"
    values = [0, 1, -1, 0x123456, -0x800000, 0x7FFFFF]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(3)
        file.setframerate(48_000)
        file.writeframes(b"".join(v.to_bytes(3, "little", signed=True) for v in values))
    x = whole(read_items(str(path)))
    assert (x.dtype, x.ravel().tolist()) == (np.int32, [v << 8 for v in values])
    assert np.array_equal(x, wavfile.read(path)[1])


def riff(*chunks, form=b"WAVE"):
    content = b"".join(
        name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
        for name, body in chunks
    )
    return b"RIFF" + (4 + len(content)).to_bytes(4, "little") + form + content


PCM16 = (b"fmt ", struct.pack("<HHIIHH", 1, 1, 100, 200, 2, 16))


def test_chunks_that_are_not_known_are_skipped_and_a_cut_recording_is_read(tmp_path):
    path = tmp_path / "x.wav"
    whole_file = riff((b"LIST", b"odd"), PCM16, (b"data", b"\1\0\2\0\3\0"))
    path.write_bytes(whole_file)
    assert whole(read_items(str(path))).tolist() == [[1], [2], [3]]
    path.write_bytes(whole_file[:-1])
    assert whole(read_items(str(path))).tolist() == [[1], [2]]


def test_a_wav_may_say_its_encoding_at_length(tmp_path):
    path = tmp_path / "x.wav"
    said = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 100, 400, 4, 32, 22, 32, 0)
    said += struct.pack("<H", 3) + bytes.fromhex("000000001000800000aa00389b71")
    path.write_bytes(riff((b"fmt ", said), (b"data", np.array([0.5, -2], "<f4").tobytes())))
    assert whole(read_items(str(path))).tolist() == [[0.5], [-2]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no WAV file"),
        (riff(form=b"AVI "), "no WAV file"),
        (riff(), "no whole WAV"),
        (riff(PCM16), "no whole WAV"),
        (riff((b"data", b"\0\0"), PCM16), "no whole WAV"),
        (riff((b"fmt ", b"\1\0")), "does not say"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 1, 1, 100, 200, 2, 12))), "of 12 bits"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 2, 1, 100, 200, 2, 16))), "encoding 2"),
        (riff((b"fmt ", struct.pack("<HHIIHH", 1, 0, 100, 200, 2, 16))), "0 channels"),
    ],
    ids=range(9),
)
def test_what_is_no_wav_says_why(tmp_path, content, reason):
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(FormatError, match=reason):
        read_items(str(tmp_path / "x.wav"))


def test_cutting_changes_no_item():
    x = np.arange(10)[:, np.newaxis]
    parts = list(cut(iter([x[:7], x[7:7], x[7:]]), 3))
    assert [len(part) for part in parts] == [3, 3, 1, 3]
    assert np.array_equal(np.concatenate(parts), x)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.npy", b"nonsense", "x.npy"),
        ("x.npy", b"", "x.npy"),
        ("x.npz", b"nonsense", "x.npz"),
        ("x.csv", b"a,b\nc,d\n", "x.csv"),
        ("x.mp4", b"nonsense", "no video"),
        ("x.txt", b"", r"reads .npy.*got .txt"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=reason):
        read_items(str(tmp_path / name), 1)


def test_a_pickle_is_not_read(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(FormatError, match="pickle"):
        read_items(str(tmp_path / "x.npy"), 1)


def test_a_rate_must_come_from_somewhere(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3, "float32"))
    with pytest.raises(FormatError, match="--rate-hz"):
        read_items(str(tmp_path / "x.npy"))


def test_a_missing_file_is_an_os_error(tmp_path):
    for name in ("x.npy", "x.npz", "x.csv", "x.mp4"):
        with pytest.raises(OSError, match=name):
            read_items(str(tmp_path / name), 1)


def test_integers_too_wide_are_refused_with_the_remedy(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(3, "int64"))
    with pytest.raises(FormatError, match="astype"):
        read_items(str(tmp_path / "x.npy"), 1)
