"""On what was measured: the machine, and the versions of everybody who took part."""

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("corrente", "numpy", "scipy", "numba", "mkl-fft", "opencv-python-headless"),
    *("pyzmq", "ezmsg", "ezmsg-sigproc"),
)
DEBIAN = "/usr/bin/python3"
"""Debian's own Python: GNU Radio and GStreamer are packages of Debian, for it alone."""

TIMEFLUX = Path("build/timeflux/bin/python")
"""A Python of its own: timeflux pins a networkx that others can't work with."""


def machine() -> dict[str, str]:
    """The processor, its cores, the kernel, the load there was before anything began."""
    said = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", said)
    flags = re.search(r"flags\s*: (.*)", said)
    wide = [name for name in ("avx2", "avx512f", "amx_tile") if name in (flags or [""])[0].split()]
    return {
        "processor": f"{model[1] if model else platform.processor()} ({', '.join(wide)})",
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def versions() -> dict[str, str]:
    """Of each package and peer, or that it is not installed."""
    found = {name: _version(name) for name in PACKAGES}
    found["timeflux"] = _said([str(TIMEFLUX), "-c", "import timeflux; print(timeflux.__version__)"])
    found["GNU Radio"] = _said([DEBIAN, "-c", "from gnuradio import gr; print(gr.version())"])
    found["GStreamer"] = _said(["gst-launch-1.0", "--version"]).split("version ")[-1]
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _said(command: list[str]) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return "not installed"
    return run.stdout.strip().splitlines()[0]
