"""A YAML file as plain data, with the line of every value."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from corrente_pipelines.errors import Path, Problem, SpecError

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 50

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, and where."""

    file: str
    data: Any
    lines: Mapping[Path, int] = field(repr=False)

    def place(self, path: Path) -> str:
        """`FILE:LINE` of the path, or of the nearest place above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"


def read(file: FilePath, environment: Mapping[str, str]) -> Document:
    """The file's content, `${NAME}` and `${NAME:-default}` replaced from the environment.

    Raises `SpecError` where it cannot be read, is no YAML, or is too large.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise SpecError([Problem((), f"{file}: a spec has at most {MAX_BYTES} bytes")])
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError([Problem((), f"{file}: cannot be read: {error}")]) from None
    return parse(text, str(file), environment)


def parse(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """The text's content, as `read` does it."""
    reader = _Reader(file, environment)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = None if node is None else reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SpecError([Problem((), f"{file}:{line}: not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError([Problem((), f"{file}:1: not YAML: {error}")]) from None
    return Document(file, data, reader.lines)


class _Reader:
    """Turns nodes into data, noting lines; bounded, since an alias can name itself."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[Path, int] = {}
        self.scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if len(self.lines) > MAX_NODES or len(path) > MAX_DEPTH:
            self.fail(node, path[:2], "the file is nested too deeply, or too long")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail(key_node, path, "a key must be a word")
            if key in data:
                self.fail(key_node, (*path, key), "stands here a second time")
            data[key] = self.value(value_node, (*path, key))
            self.lines[(*path, key)] = key_node.start_mark.line + 1
        return data

    def scalar(self, node: yaml.Node, path: Path) -> Any:
        def replaced(match: re.Match[str]) -> str:
            name: str = match[1]
            default: str | None = match[2]
            if name not in self.environment and default is None:
                self.fail(node, path, f"{name} is not set; set it, or write ${{{name}:-default}}")
            return self.environment.get(name, default or "")

        text = _VARIABLE.sub(replaced, node.value)
        if text == node.value:
            value: Any = self.scalars.construct_object(node)  # pyright: ignore[reportUnknownMemberType] - PyYAML's stubs
            return value
        # A replaced value is read like one that was written there: "3" becomes a number.
        quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
        return text if quoted else yaml.safe_load(text)

    def fail(self, node: yaml.Node, path: Path, message: str) -> NoReturn:
        place = f"{self.file}:{node.start_mark.line + 1}"
        name = ".".join(map(str, path))
        raise SpecError([Problem((), ": ".join(filter(None, [place, name, message])))])
