"""What is kept of compiled kernels does not outlive the sources that it was made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from corrente_pipelines.numerics import compiled

CALLED = "from kernels.compiled import compiled\n\n@compiled\ndef grown(x):\n    return x + {}\n"
CALLING = """\
from kernels.compiled import compiled
from kernels.called import grown

@compiled
def twice_grown(x):
    return 2 * grown(x)
"""
SAID = "from kernels.calling import twice_grown as f; print(f(10), len(f.stats.cache_hits))"


def asked(folder: Path) -> list[str]:
    """What a new process computes, and how many functions it found compiled."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "c")}
    run = [sys.executable, "-B", "-c", SAID]
    return subprocess.run(
        run, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_kernel_is_compiled_anew_where_what_it_calls_has_changed(tmp_path: Path) -> None:
    package = tmp_path / "kernels"
    package.mkdir()
    shutil.copy(str(compiled.__file__), package / "compiled.py")
    (package / "__init__.py").touch()
    (package / "calling.py").write_text(CALLING)
    (package / "called.py").write_text(CALLED.format(1))
    assert asked(tmp_path) == ["22", "0"]
    assert asked(tmp_path) == ["22", "1"]
    (package / "called.py").write_text(CALLED.format(5))
    assert asked(tmp_path) == ["30", "0"]
