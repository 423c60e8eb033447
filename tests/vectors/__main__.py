"""Writes the vectors again, from the definition: `python -m tests.vectors`. No test does."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.vectors.messages import both_ways, from_clients, from_daemon
from tests.vectors.partitions import all_partitions
from tests.vectors.refused import all_refused

FOLDER = Path(__file__).parent


def _write(name: str, vectors: Iterable[dict[str, Any]]) -> None:
    lines = (json.dumps(vector, ensure_ascii=False) + "\n" for vector in vectors)
    (FOLDER / name).write_text("".join(lines), "utf-8")


_write("messages.jsonl", (*both_ways(), *from_clients(), *from_daemon()))
_write("refused.jsonl", all_refused())
_write("partitions.jsonl", all_partitions())
