"""Models as a spec gives them: the path of a .safetensors file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from corrente_pipelines.kernels import resolve
from corrente_pipelines.networks.model import Model, ModelError
from corrente_pipelines.networks.weights import load_model

REMEDY = "give the path, from the spec's folder, of a file that `corrente model summary` can read"


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A model, and the file it was read from when the spec was; equal where both are."""

    path: str
    model: Model = field(repr=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ModelFile):
            return NotImplemented
        return self.path == other.path and self.model.equals(other.model)

    def __hash__(self) -> int:
        return hash(self.path)


def read(path: str | Path) -> ModelFile:
    """The model in that file; raises `ModelError` where there is none."""
    return ModelFile(str(path), load_model(path))


def _validated(value: Any, info: ValidationInfo) -> ModelFile:
    if isinstance(value, ModelFile):
        return value
    if not isinstance(value, str):
        raise ValueError("must be the path of a .safetensors file")
    try:
        return read(resolve(value, info))
    except ModelError as error:
        raise ValueError(f"{error}; {REMEDY}") from error


def _path(file: ModelFile) -> str:
    return file.path


ModelPath = Annotated[
    ModelFile,
    PlainValidator(_validated),
    PlainSerializer(_path, return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""A model in a spec: read when the spec is, written as its path."""
