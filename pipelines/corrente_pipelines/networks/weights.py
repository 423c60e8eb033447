"""Models in files: one .safetensors, arrays and metadata; nothing in it is ever executed."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from corrente_pipelines.networks.layers import Network
from corrente_pipelines.networks.model import Array, Model, ModelError, Preprocessing, Provenance

KEY = "corrente_model"
MAX_FILE_BYTES = 512 << 20
MAX_HEADER_BYTES = 1 << 20
MAX_CLASSES = 4096

Label = Annotated[str, Field(min_length=1, max_length=64)]


class _Card(BaseModel):
    """What stands beside the arrays, as JSON under one key: several would have no fixed order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    network: Network
    labels: Annotated[tuple[Label, ...], Field(max_length=MAX_CLASSES)]
    preprocessing: Preprocessing
    provenance: Provenance


def save_model(model: Model, path: str | Path) -> None:
    """Write the model to a .safetensors file; equal models make equal files."""
    card = _Card(
        network=model.network,
        labels=model.labels,
        preprocessing=model.preprocessing,
        provenance=model.provenance,
    )
    metadata = {KEY: card.model_dump_json()}
    Path(path).write_bytes(safetensors.save(dict(model.arrays), metadata))


def load_model(path: str | Path) -> Model:
    """The model in a .safetensors file.

    Raises `ModelError`, naming file and fault, where there is none, or none that can be trusted.
    """
    try:
        content = _read(Path(path))
        arrays = _arrays(content)
        card = _card(content)
        return Model(card.network, card.labels, card.preprocessing, card.provenance, arrays)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _read(path: Path) -> bytes:
    """The file's bytes. They are read, not mapped: a mapped file that shrinks kills the process."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise ModelError(f"a model's file has at most {MAX_FILE_BYTES >> 20} MiB")
            content = file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}") from error
    if int.from_bytes(content[:8], "little") > MAX_HEADER_BYTES:
        raise ModelError(
            f"not a .safetensors file, or its header has more than {MAX_HEADER_BYTES >> 20} MiB"
        )
    return content


def _arrays(content: bytes) -> dict[str, Array]:
    try:
        return safetensors.load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"not a .safetensors file of arrays: {error}") from error


def _card(content: bytes) -> _Card:
    """What stands beside the arrays of a file whose header has been found well-formed."""
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    if KEY not in metadata:
        raise ModelError(f"holds arrays but no model: its metadata has no {KEY!r}")
    try:
        return _Card.model_validate_json(metadata[KEY])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or KEY
        raise ModelError(f"{where[:200]}: {first['msg'][:500]}") from error
