"""The page of the site that holds what was measured last: docs/benchmarks.md."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks._answer import FOLDER, markdown, marks_table

PAGE = Path("docs/benchmarks.md")

HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. `make bench` installs the peers where they are missing (ezmsg, timeflux and mkl_fft by
pip; GNU Radio and GStreamer by apt, where that is allowed), asks every question below, one after the other, and writes this
page; it takes about 25 minutes. One question alone is `python -m benchmarks NAME`, and `--quick` only shows that it
runs; `python -m benchmarks --list` names them. Figures with more of their digits are in `build/bench/NAME.json`.

How it is measured:

- Contenders for the same work take turns in one run, in an order drawn anew each round. Times are medians over the rounds;
  a ratio is the median of the rounds' ratios, so that a machine that grows slower for a while harms both sides alike.
- One thread each (OpenMP, OpenBLAS, MKL, numba and OpenCV are told so), the same arrays, everything warmed up.
- What a contender gives is compared with the definition before it is timed: a wrong answer stops the run.
- The *spread* is the middle half of the rounds over the median. Where it is large the machine was busy: repeat it.
- A *mark* is a bound that was set before the code was written. No test asserts a time; this page says which marks hold.
"""


def write(names: Iterable[str]) -> None:
    """From the saved answers of those questions, where there are any."""
    files = [FOLDER / f"{name}.json" for name in names]
    answers = [json.loads(file.read_text()) for file in files if file.exists()]
    marks = [mark for answer in answers for mark in answer["marks"]]
    parts = [HEAD, "## Marks\n\n" + marks_table(marks) + "\n", _where(answers)]
    PAGE.write_text("\n".join([*parts, *map(markdown, answers)]))


def _where(answers: list[Mapping[str, Any]]) -> str:
    """The machine and the versions; they are said once where all answers have the same."""
    lines = ["## Machine and versions", ""]
    machines = {json.dumps(_lasting(answer)) for answer in answers}
    for said in sorted(machines):
        lines += [f"- **{name}**: {value}" for name, value in json.loads(said).items()]
    loads = ", ".join(f"{a['question']} {a['machine']['load before']}" for a in answers)
    lines += [f"- **load before** (1, 5 and 15 minutes): {loads}", ""]
    return "\n".join(lines)


def _lasting(answer: Mapping[str, Any]) -> dict[str, str]:
    on = {name: value for name, value in answer["machine"].items() if name != "load before"}
    versions = ", ".join(f"{name} {value}" for name, value in answer["versions"].items())
    return {**on, "versions": versions}
