"""What a measurement found: tables and marks, as JSON and as Markdown."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from inspect import cleandoc
from pathlib import Path
from typing import Any

from benchmarks._contest import say
from benchmarks._machine import machine, versions

FOLDER = Path("build/bench")


@dataclass(frozen=True)
class Mark:
    """A bound that was set before anything was built, and what was measured against it."""

    work: str
    bound: float
    measured: float
    unit: str
    at_most: bool = False

    @property
    def holds(self) -> bool:
        """Whether the measured value lies on the right side."""
        held = self.measured <= self.bound if self.at_most else self.measured >= self.bound
        return bool(held)

    def said(self) -> dict[str, Any]:
        """All of it."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True)
class Table:
    """Rows under a title; `head` names the columns. Numbers are rounded for the reader."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | float]]


@dataclass
class Answer:
    """One question's tables and marks; `left_out` says which peers took no part, and why."""

    tables: list[Table] = field(default_factory=list[Table])
    marks: list[Mark] = field(default_factory=list[Mark])
    left_out: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Effort:
    """How long to measure: `quick` only shows that everything runs."""

    quick: bool
    seconds: float

    def scaled(self, seconds: float) -> float:
        """So long; a tenth of it when quick."""
        return seconds / 10 if self.quick else seconds


def main(measure: Callable[[Effort], Answer], text: str, seconds: float = 0.0) -> None:
    """Measures, saves `build/bench/NAME.json` (`NAME.quick.json`), and prints the tables.

    `text` is the module's docstring; `seconds`, where not 0, is the default of `--seconds`.
    """
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the time: does it run?")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    if seconds:
        parser.add_argument("--seconds", type=float, default=seconds, help="how long each case is")
    given = parser.parse_args()
    effort = Effort(given.quick, given.seconds if seconds else 0.0)
    say(f"{name} ...")
    on = machine()
    answer = measure(effort)
    said = {
        "question": name,
        "text": cleandoc(text),
        "quick": given.quick,
        "machine": on,
        "versions": versions(),
        "marks": [mark.said() for mark in answer.marks],
        "tables": [asdict(table) for table in answer.tables],
        "left_out": answer.left_out,
    }
    text = json.dumps(said, indent=1, default=float)  # NumPy's numbers among them
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}{'.quick' if effort.quick else ''}.json").write_text(text + "\n")
    print(text if given.json else markdown(json.loads(text)))


def markdown(said: Mapping[str, Any]) -> str:
    """The section of a page that a saved answer makes."""
    title, _, rest = said["text"].partition("\n")
    parts = [f"## {title}", f"`python -m benchmarks {said['question']}`", rest.strip()]
    if said["marks"]:
        parts.append(marks_table(said["marks"]))
    for table in said["tables"]:
        parts += [f"### {table['title']}", _table(table["head"], table["rows"])]
    if said["left_out"]:
        parts.append("Left out: " + "; ".join(said["left_out"]) + ".")
    if said["quick"]:
        parts.append("*A quick run: the figures say only that it runs.*")
    return "\n\n".join(part for part in parts if part) + "\n"


def marks_table(marks: Sequence[Mapping[str, Any]]) -> str:
    """Each mark, what was measured, and whether it holds."""
    rows = [
        (
            mark["work"],
            f"{'≤' if mark['at_most'] else '≥'} {number(mark['bound'])}{mark['unit']}",
            f"{number(mark['measured'])}{mark['unit']}",
            "holds" if mark["holds"] else "**falls short**",
        )
        for mark in marks
    ]
    return _table(("mark", "bound", "measured", ""), rows)


def number(value: float) -> str:
    """With three digits that count, or whole from a hundred on."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str | float]]) -> str:
    align = ["---", *("---:" for _ in head[1:])]
    cells = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, align, *cells))
