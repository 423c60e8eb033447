"""What is wrong with a spec, and where."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple, Protocol

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong, at a path such as `("stages", "smooth", "size")`."""

    path: Path
    message: str


class Located(Protocol):
    """A text in which paths have places."""

    def place(self, path: Path) -> str:
        """`FILE:LINE` of the path, or of the nearest place above it."""
        ...


class SpecError(ValueError):
    """A spec that cannot work; its text has a line for each problem, with place and remedy."""

    def __init__(self, problems: Sequence[Problem], source: Located | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(_line(problem, source) for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word, to be put behind the complaint."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(choices)}"


def _line(problem: Problem, source: Located | None) -> str:
    parts = [source.place(problem.path)] if source else []
    if problem.path:
        parts.append(".".join(map(str, problem.path)))
    return ": ".join([*parts, problem.message])
