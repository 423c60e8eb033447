"""A YAML file as plain data, with the line of every value."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, NoReturn

import yaml

from corrente_pipelines.errors import Path, Problem, SpecError

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 50
TOO_LARGE = "the file is nested too deeply, or too long; put kernels into .npy files"

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\n]*))?\}")
"""A value from the environment."""

# A variable's own braces, colon and spaces would be YAML's, above all in {flow: style}. Until the
# text is nodes its characters stand in Unicode's private area, one for one: places stay right.
_HIDDEN = {code: 0xE000 + code for code in range(0x20, 0x7F)}
_SHOWN = {hidden: code for code, hidden in _HIDDEN.items()}

_MAX_INTEGER_BITS = 64
_STRING = "tag:yaml.org,2002:str"

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML file says, and where."""

    file: str
    data: Any
    lines: Mapping[Path, int] = field(repr=False)
    words: Sequence[str] = field(default=(), repr=False)

    def place(self, path: Path) -> str:
        """`FILE:LINE` of the path, or of the nearest place above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"

    @property
    def files(self) -> tuple[FilePath, ...]:
        """What may be the kernels and models it names: every word with an ending, as a path."""
        folder = FilePath(self.file).parent
        return tuple(folder / word for word in self.words if FilePath(word).suffix)


def read(file: FilePath, environment: Mapping[str, str] = os.environ) -> Document:
    """The file's content, `${NAME}` and `${NAME:-default}` replaced from the environment.

    Raises `SpecError` where it cannot be read, is no YAML, or is too large.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            message = f"a spec has at most {MAX_BYTES} bytes; put kernels into .npy files"
            raise SpecError([Problem((), f"{file}: {message}")])
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}; give the path of a .yaml file"
        raise SpecError([Problem((), message)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"{file}:{line}: {error.reason} in UTF-8; save the file as UTF-8"
        raise SpecError([Problem((), message)]) from None
    return parse(text, str(file), environment)


def parse(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """The text's content, as `read` does it."""
    reader = _Reader(file, environment)
    hidden = VARIABLE.sub(lambda match: match[0].translate(_HIDDEN), text)
    try:
        reader.check_size(hidden)
        node = yaml.compose(hidden, Loader=_Loader)
        data = None if node is None else reader.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # libyaml counts a line more at the end of the text
        line = min(mark.line, text.count("\n")) + 1 if mark else 1
        remedy = "check brackets, quotes and indentation"
        message = f"{file}:{line}: not YAML: {error.problem}; {remedy}".translate(_SHOWN)
        raise SpecError([Problem((), message)]) from None
    except yaml.YAMLError as error:
        raise SpecError([Problem((), f"{file}:1: not YAML: {error}")]) from None
    return Document(file, data, reader.lines, reader.words)


class _Reader:
    """Turns nodes into data, noting lines; bounded, since an alias can name itself."""

    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.lines: dict[Path, int] = {}
        self.words: list[str] = []
        self.scalars = yaml.SafeLoader("")

    def check_size(self, text: str) -> None:
        """Refuse what is too deep or too long before it is composed, which recurses unguarded."""
        depth = nodes = 0
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            nodes += isinstance(event, yaml.NodeEvent)
            if depth > MAX_DEPTH or nodes > MAX_NODES:
                self.fail(event, (), TOO_LARGE)

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if len(self.lines) > MAX_NODES or len(path) > MAX_DEPTH:
            self.fail(node, path[:2], TOO_LARGE)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.fail(key_node, path, "a key must be a word, such as smooth")
            key: str = key_node.value.translate(_SHOWN)
            if key in data:
                self.fail(key_node, (*path, key), "stands here a second time; remove one")
            data[key] = self.value(value_node, (*path, key))
            self.lines[(*path, key)] = key_node.start_mark.line + 1
        return data

    def scalar(self, node: yaml.Node, path: Path) -> Any:
        shown: str = node.value.translate(_SHOWN)
        text = VARIABLE.sub(lambda match: self.variable(match, node, path), shown)
        tag = node.tag
        is_plain = isinstance(node, yaml.ScalarNode) and not node.style
        if text != node.value and tag == _STRING and is_plain:
            # Read like a plain word that was written there, "3" as a number, but never as a list.
            tag = _plain_tag(text)
        value = self.constructed(yaml.ScalarNode(tag, text, node.start_mark, node.end_mark), path)
        if isinstance(value, str):
            self.words.append(value)
        return value

    def variable(self, match: re.Match[str], node: yaml.Node, path: Path) -> str:
        name: str = match[1]
        default: str | None = match[2]
        value = self.environment.get(name, default)
        if value is None:
            self.fail(node, path, f"{name} is not set; set it, or write ${{{name}:-default}}")
        if len(value.splitlines()) > 1:
            self.fail(node, path, f"{name} has several lines; a spec takes one word from it")
        return value

    def constructed(self, node: yaml.ScalarNode, path: Path) -> Any:
        try:
            value: Any = self.scalars.construct_object(node)  # pyright: ignore[reportUnknownMemberType] - PyYAML's stubs
        except (
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
        ):  # all that its constructors run into
            kind = node.tag.rpartition(":")[2]
            self.fail(
                node, path, f"{node.value[:40]!r} cannot be read as {kind}; put text into quotes"
            )
        if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
            self.fail(node, path, f"a whole number has {_MAX_INTEGER_BITS} bits at most")
        return value

    def fail(self, node: yaml.Node | yaml.Event, path: Path, message: str) -> NoReturn:
        mark = node.start_mark
        place = f"{self.file}:{mark.line + 1 if mark else 1}"
        name = ".".join(map(str, path))
        raise SpecError([Problem((), ": ".join(filter(None, [place, name, message])))])


def _plain_tag(text: str) -> str:
    """What YAML takes a word without quotes for."""
    resolver: Any = yaml.SafeLoader("")
    return str(resolver.resolve(yaml.ScalarNode, text, (True, False)))
