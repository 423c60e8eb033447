"""The settings in effect as text, each with where it came from."""

import json
from pathlib import Path
from typing import Any

from corrente_service.settings import Chosen, flat


def toml(chosen: Chosen) -> str:
    """A configuration file that says the same, wherever it lies."""
    lines: list[str] = []
    table = ""
    # The names of no table come first, since below a table's head all belongs to it.
    for name, value in sorted(_values(chosen).items(), key=lambda item: "." in item[0]):
        head, _, key = name.rpartition(".")
        if head != table:
            lines += ["", f"[{head}]"]
            table = head
        lines.append(f"{key} = {_literal(value)}  # {chosen.origins[name]}")
    return "\n".join(lines)


def as_json(chosen: Chosen) -> str:
    """By name the value and the origin."""
    values = _values(chosen).items()
    told = {name: {"value": value, "origin": chosen.origins[name]} for name, value in values}
    return json.dumps(told, indent=2)


def _values(chosen: Chosen) -> dict[str, Any]:
    values = flat(chosen.settings.model_dump())
    return {
        name: str(value.absolute()) if isinstance(value, Path) else value
        for name, value in values.items()
    }


def _literal(value: Any) -> str:
    """In TOML, whose strings are those of JSON but for DEL, and whose infinity is `inf`."""
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
