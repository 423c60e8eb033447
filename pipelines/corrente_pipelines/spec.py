"""What a pipeline's YAML may say, and what is wrong with it in words."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeGuard, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_serializer
from pydantic import model_validator as validator
from pydantic_core import ErrorDetails

from corrente.format import Format, Kind, format_of
from corrente_pipelines.errors import Path, Problem, SpecError
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import BY_NAME, OPERATORS

INPUT = "input"
"""The name that stages use for the source."""

MAX_STAGES = 256

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
if TYPE_CHECKING:
    AnyOperator = Operator
else:
    AnyOperator = Annotated[Union[OPERATORS], Field(discriminator="op")]  # noqa: UP007


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Requirements(_Part):
    """What a stream must be to be taken."""

    kind: Kind | None = None
    channels: Annotated[int, Field(ge=1)] | None = None
    shape: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    dtype: str | None = None
    rate_hz: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def misfit(self, format: Format) -> Problem | None:
        """The first requirement that the format does not meet."""
        pairs: dict[str, tuple[Any, Any]] = {
            "kind": (self.kind, format.kind),
            "channels": (self.channels, format.channels),
            "shape": (self.shape, format.shape),
            "dtype": (self.dtype, format.dtype),
            "rate_hz": (self.rate_hz, format.rate_hz),
        }
        for name, (wanted, got) in pairs.items():
            if wanted is not None and wanted != got:
                return Problem((INPUT, name), f"the pipeline takes {wanted}, the stream has {got}")
        return None

    def format(self) -> Format | None:
        """A format that meets them, None where they leave the shape open."""
        shape = self.shape
        if shape is None and self.kind == "signal":
            shape = (self.channels or 1,)
        if shape is None:
            return None
        return format_of(shape, self.rate_hz or 1.0, self.dtype or "float32")


class Stage(_Part):
    """An operator, and where its input comes from; None means the stage above."""

    operator: AnyOperator
    inputs: tuple[str, ...] | None = Field(None, alias="from")

    @validator(mode="before")
    @classmethod
    def _parted(cls, value: Any) -> Any:
        if not is_mapping(value):
            raise ValueError("must be a mapping such as {op: relu}")
        rest = dict(value)
        inputs = rest.pop("from", None)
        return {"operator": rest, "from": (inputs,) if isinstance(inputs, str) else inputs}

    @model_serializer
    def _joined(self) -> dict[str, Any]:
        source = {} if self.inputs is None else {"from": list(self.inputs)}
        return {**self.operator.model_dump(mode="json"), **source}


class Spec(_Part):
    """A pipeline as its YAML says it."""

    corrente: Literal[1]
    name: Name
    for_each: str = "**"
    input: Requirements = Requirements()
    stages: Annotated[dict[Name, Stage], Field(min_length=1, max_length=MAX_STAGES)]
    delivery: Literal["live"] = "live"
    on_gap: Literal["reset"] = "reset"
    backpressure: bool = False


def validate(data: Any, folder: str) -> Spec:
    """The spec that `data` says; paths in it are relative to `folder`. Raises `SpecError`."""
    if not is_mapping(data):
        raise SpecError([Problem((), "a spec is a mapping that starts with corrente: 1")])
    try:
        return Spec.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        raise SpecError([_problem(details) for details in error.errors()]) from None


def is_mapping(data: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether the data has keys and values."""
    return isinstance(data, Mapping)


def _problem(details: ErrorDetails) -> Problem:
    path = _written_path(details["loc"])
    kind, limits, got = details["type"], details.get("ctx", {}), details["input"]
    match kind:
        case "missing":
            return Problem(path, "is missing")
        case "extra_forbidden":
            return Problem(path, f"unknown key{_nearest(str(path[-1]), _known_keys(details))}")
        case "union_tag_not_found":
            return Problem((*path, "op"), "is missing")
        case "union_tag_invalid":
            tag = str(limits["tag"])
            return Problem((*path, "op"), f"unknown operator {tag!r}{_nearest(tag, BY_NAME)}")
        case "greater_than_equal" | "too_short":
            least = limits.get("ge", limits.get("min_length"))
            return Problem(path, f"must be at least {least}, got {_short(got)}")
        case "less_than_equal" | "too_long":
            most = limits.get("le", limits.get("max_length"))
            return Problem(path, f"must be at most {most}, got {_short(got)}")
        case "greater_than":
            return Problem(path, f"must be more than {limits['gt']}, got {_short(got)}")
        case "literal_error":
            return Problem(path, f"must be {limits['expected']}, got {_short(got)}")
        case "value_error":
            return Problem(path, str(limits["error"]))
        case _:
            message = details["msg"].replace("Input should", "must", 1)
            return Problem(path, f"{message}, got {_short(got)}")


def _written_path(loc: Path) -> Path:
    """Pydantic's path without what only our models have: `operator` and the union's tag."""
    if len(loc) > 2 and loc[0] == "stages" and loc[2] == "operator":
        return (*loc[:2], *loc[4:])
    return loc[:-1] if loc and loc[-1] == "[key]" else loc


def _known_keys(details: ErrorDetails) -> tuple[str, ...]:
    loc = details["loc"]
    if len(loc) > 3 and loc[2] == "operator":
        return (*BY_NAME[str(loc[3])].model_fields, "from")
    return tuple((Requirements if loc[:-1] == (INPUT,) else Spec).model_fields)


def _nearest(word: str, known: Any) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
