"""What was measured of the ways to compute an operator, kept for the next plan.

A file of it holds what several machines and versions measured, each under its own name.
"""

import os
import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from corrente.format import Format
from corrente_pipelines.operator import Operator

Times = Mapping[str, float]
"""Nanoseconds an item of the input takes, by algorithm."""

MAX_FILE_BYTES = 16 << 20
MAX_MACHINES = 16


class Wisdom(NamedTuple):
    """The times known on this machine, by problem: an operator and the formats of its inputs."""

    times: Mapping[str, Times] = MappingProxyType({})

    def of(self, operator: Operator, *formats: Format) -> Times:
        """What is known of an operator on such inputs; nothing where it was not measured."""
        return self.times.get(problem(operator, *formats), {})

    def knowing(self, times: Times, operator: Operator, *formats: Format) -> "Wisdom":
        """The same, and those times."""
        return Wisdom({**self.times, problem(operator, *formats): dict(times)})


NO_WISDOM = Wisdom()


def problem(operator: Operator, *formats: Format) -> str:
    """What is computed, as far as its time depends on it; a digest, since kernels may be long."""
    inputs = ", ".join(
        f"{format.kind} {'x'.join(map(str, format.shape))} {format.dtype}" for format in formats
    )
    said = sha256(f"{operator.model_dump_json()} {operator.weights(*formats)}".encode())
    return f"{operator.name} {said.hexdigest()[:16]} on {inputs}"


@cache
def machine() -> str:
    """The processor, and the versions that a time depends on."""
    names = ("corrente", "numba", "numpy", "onnxruntime")
    return ", ".join([_processor(), *(f"{name} {_version(name)}" for name in names)])


def load(file: Path) -> Wisdom:
    """What the file holds of this machine; nothing where it cannot be read."""
    known = _read(file).get(machine(), {})
    return Wisdom(known)


def save(wisdom: Wisdom, file: Path) -> bool:
    """Adds to what the file holds; says whether it could be written."""
    held = _read(file)
    mine = {**held.pop(machine(), {}), **{key: dict(t) for key, t in wisdom.times.items()}}
    others = dict(list(held.items())[-MAX_MACHINES + 1 :])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_bytes(msgspec.json.encode({**others, machine(): mine}))
        new.replace(file)
    except OSError:
        return False
    return True


def default_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where it lies unless said: in the user's folder for caches."""
    folder = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "corrente" / "wisdom.json"


def _read(file: Path) -> dict[str, dict[str, dict[str, float]]]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            return {}
        return msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, dict[str, float]]])
    except (OSError, msgspec.MsgspecError):
        return {}


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:
        return "none"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
