"""How long until the daemon is ready, and how long does an import take?

From starting the process to the first 200 of `/readyz`, over the folder of example pipelines, and
over one small pipeline; kernels were compiled by an earlier run, as they are for everybody after
the first (without that cache: the last row, once). An import is that of a fresh interpreter, less
what an empty one takes.
"""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median, quantiles

from benchmarks._answer import Answer, Effort, Mark, Table, main
from benchmarks._contest import say
from benchmarks._load import SPEC
from tests.serving import SCRIPT, write_specs

TURNS = 7
READY = "serve, one pipeline"
IMPORTS = {
    "import corrente (a client)": "import corrente",
    "import corrente_pipelines": "import corrente_pipelines",
}
EXAMPLES = Path("examples/pipelines")


def measure(effort: Effort) -> Answer:
    """Turns in which each starts once."""
    turns = 2 if effort.quick else TURNS
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = write_specs(Path(name), SPEC)
        ready_s(folder)
        for turn in range(turns):
            say(f"  turn {turn + 1}")
            empty_s = _run_s("")
            times = {READY: ready_s(folder), "serve, the examples": ready_s(EXAMPLES)}
            times |= {title: _run_s(code) - empty_s for title, code in IMPORTS.items()}
            for title, seconds in times.items():
                found.setdefault(title, []).append(seconds)
        rows: list[list[str | float]] = [
            [title, median(times), f"{_spread(times):.0%}"] for title, times in found.items()
        ]
        with tempfile.TemporaryDirectory() as cache:
            cold_s = ready_s(folder, NUMBA_CACHE_DIR=cache)
        rows.append(["serve, one pipeline, nothing compiled yet", cold_s, ""])
    mark = Mark("`corrente serve` to ready, warm cache", 1.5, median(found[READY]), " s", True)
    return Answer([Table("Start-up", ["", "s", "spread"], rows)], [mark])


def ready_s(folder: Path, **environment: str) -> float:
    """Seconds from the start of the process to `/readyz`."""
    start = time.monotonic()
    process = subprocess.Popen(
        [SCRIPT, "serve", str(folder), "--bind", "tcp://127.0.0.1:0", "--http", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline().split()
        assert said[:1] == ["ready"], said
        while not _is_ready(said[2]):
            time.sleep(0.005)
        return time.monotonic() - start
    finally:
        process.terminate()
        process.communicate()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


def _run_s(code: str) -> float:
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.monotonic() - start


def _spread(times: list[float]) -> float:
    low, middle, high = quantiles(times, n=4)
    return (high - low) / middle


if __name__ == "__main__":
    main(measure, __doc__)
