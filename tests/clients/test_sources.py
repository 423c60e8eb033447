"""Files written by the libraries that own the formats, read back."""

import cv2
import numpy as np
import pytest

from corrente import FormatError
from corrente.sources import cut, read_items


def whole(source):
    return np.concatenate(list(source.blocks()))


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
    source = read_items("sine")
    blocks = source.blocks()
    x = np.concatenate([next(blocks) for _ in range(20)])[:, 0]
    assert len(x) == 500
    assert x == pytest.approx(np.sin(2 * np.pi * np.arange(500) / 250), abs=1e-6)


def test_bars_move_to_the_right():
    blocks = read_items("bars").blocks()
    first, second = next(blocks)[0], next(blocks)[0]
    assert set(np.unique(first)) == {64, 192}
    assert np.array_equal(second[:, 2:], first[:, :-2])


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
