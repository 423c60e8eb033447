"""docs/protocol.md against the messages there are, and the bytes that are kept."""

import json
import re
from pathlib import Path

from corrente import wire

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text("utf-8")
VECTORS = ROOT / "tests" / "vectors" / "messages.jsonl"


def test_the_tables_name_every_message_with_its_fields_and_defaults():
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`)?(?: \+ payload)? ?\|", PAGE, re.MULTILINE)
    kinds = {kind.__struct_config__.tag: kind for kind in wire.AnyMessage.__args__}
    told = {tag: fields.split(", ") if fields else [] for tag, fields in rows if tag in kinds}
    assert told == {tag: fields_of(kind) for tag, kind in kinds.items()}


def fields_of(kind):
    """A message's fields as the tables say them: `reason`, `reconnect = false`."""
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    required = len(names) - len(defaults)
    said = [json.dumps(default).replace("null", "nil") for default in defaults]
    with_defaults = zip(names[required:], said, strict=True)
    return [*names[:required], *(f"{name} = {default}" for name, default in with_defaults)]


def test_the_example_is_the_vector_of_its_name():
    [(name, dump)] = re.findall(r"vector `([^`]+)`.*?```text\n(.*?)```", PAGE, re.DOTALL)
    lines = re.findall(r"^[0-9a-f]{4}  ((?:[0-9a-f]{2} ?){1,16})", dump, re.MULTILINE)
    vectors = [json.loads(line) for line in VECTORS.read_text("utf-8").splitlines()]
    [frames] = [vector["frames"] for vector in vectors if vector["name"] == name]
    assert [bytes.fromhex("".join(lines)).hex()] == frames
