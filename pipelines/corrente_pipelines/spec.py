"""What a pipeline's YAML may say, and what is wrong with it in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeGuard, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
)
from pydantic import model_validator as validator
from pydantic_core import CoreSchema, ErrorDetails

from corrente.format import DTYPES, Format, format_of
from corrente.topics import check_pattern
from corrente_pipelines.errors import Path, Problem, SpecError, nearest
from corrente_pipelines.field_docs import field_docs
from corrente_pipelines.gap import MAX_FILL, OnGap
from corrente_pipelines.operator import Operator
from corrente_pipelines.operators import known

INPUT = "input"
"""The name that stages use for the source."""

MAX_STAGES = 256

NAME = "must be a letter, then at most 63 letters, digits, _ and -"

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
if TYPE_CHECKING:
    AnyOperator = Operator
else:

    class AnyOperator:
        """An operator, found by its `op`."""

        @classmethod
        def __get_pydantic_core_schema__(
            cls, source: Any, handler: GetCoreSchemaHandler
        ) -> CoreSchema:
            # Asked for with the first spec: packages that bring operators import this one.
            operators = tuple(known().operators.values())
            union = Union[operators]  # noqa: UP007 - made of a tuple
            return handler.generate_schema(Annotated[union, Field(discriminator="op")])


def _one_of_dtypes(value: str) -> str:
    if value not in DTYPES:
        raise ValueError(f"must be one of {', '.join(DTYPES)}, got {_short(value)}")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True
    )


class Requirements(_Part):
    """What a stream must be to be taken."""

    kind: Literal["signal", "frames"] | None = None  # nobody publishes events
    """`signal` for channels over time, `frames` for images."""
    channels: Annotated[int, Field(ge=1)] | None = None
    """How many channels an item has."""
    shape: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """The shape of an item: `[C]`, `[H, W]` or `[H, W, C]`."""
    dtype: Annotated[str, AfterValidator(_one_of_dtypes)] | None = None
    """What its numbers are, such as `uint8` or `float32`."""
    rate_hz: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Items per second."""

    @validator(mode="after")
    def _possible(self) -> Self:
        shape = self._open_shape()
        if shape is not None:
            kind = self.kind or ("signal" if len(shape) == 1 else "frames")
            format = Format(kind=kind, shape=shape, dtype=self.dtype or "uint8")
            if self.channels not in (None, format.channels):
                raise ValueError(
                    f"{shape} has {format.channels} channels, not {self.channels}; say one of both"
                )
        return self

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
                return Problem(
                    (INPUT, name),
                    f"the pipeline takes {wanted}, the stream has {got}; "
                    f"change {INPUT}.{name}, or take another stream",
                )
        return None

    def format(self) -> Format | None:
        """A format that meets them, None where they leave the shape open."""
        shape = self._open_shape()
        if shape is None:
            return None
        return format_of(shape, self.rate_hz or 1.0, self.dtype or "float32")

    def _open_shape(self) -> tuple[int, ...] | None:
        if self.shape is None and self.kind == "signal":
            return (self.channels or 1,)
        return self.shape


class Stage(_Part):
    """An operator, and where its input comes from; None means the stage above."""

    operator: AnyOperator
    """What the stage does."""
    inputs: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(None, alias="from")
    """The stages it takes from, or `input`; without it, the stage above."""

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
    """The version of this language."""
    name: Name
    """What the pipeline is called in topics: `STREAM/NAME/STAGE`."""
    for_each: Annotated[str, AfterValidator(check_pattern)] = "**"
    """The streams it is for: `*` stands for one level of a name, `**` for any."""
    input: Requirements = Requirements()
    """What a stream must be to be taken; what is left out is left open."""
    stages: Annotated[dict[Name, Stage], Field(min_length=1, max_length=MAX_STAGES)]
    """What is computed, by name; each takes from the one above unless it says `from`."""
    delivery: Literal["live"] = "live"
    """`live`: what was not yet delivered is lost with the daemon."""
    on_gap: OnGap = "reset"
    """What a gap in the stream does: `reset` begins anew behind it, `zero` and `hold` fill it with
    zeros or the last item, `error` ends the pipeline for that stream."""
    max_fill: Annotated[int, Field(ge=1, le=MAX_FILL)] | None = None
    """How many items `zero` and `hold` fill at most, before a reset; a second's unless said."""
    backpressure: bool = False
    """Whether a subscriber may hold the stream up instead of missing items."""

    @field_validator("max_fill")
    @classmethod
    def _is_for_filling(cls, value: int | None, info: ValidationInfo) -> int | None:
        on_gap = info.data.get("on_gap")
        if value is not None and on_gap in ("reset", "error"):
            raise ValueError(
                f"on_gap: {on_gap} fills nothing; remove max_fill, or write on_gap: zero or hold"
            )
        return value


def validate(data: Any, folder: str) -> Spec:
    """The spec that `data` says; paths in it are relative to `folder`. Raises `SpecError`."""
    if not is_mapping(data):
        raise SpecError([Problem((), "a spec is a mapping that starts with corrente: 1")])
    try:
        spec = Spec.model_validate(data, context={"folder": folder})
    except ValidationError as error:
        raise SpecError([_problem(details) for details in error.errors()]) from None
    if problems := list(_truths(data, spec.model_dump(mode="json"), ())):
        raise SpecError(problems)
    return spec


def _truths(written: Any, taken: Any, path: Path) -> Iterator[Problem]:
    """Where a truth value was taken for a number, as Python and pydantic do."""
    if isinstance(written, bool):
        if not isinstance(taken, bool):
            yield Problem(path, f"must be a number, got {written}")
    elif is_mapping(written) and is_mapping(taken):
        for key in written.keys() & taken.keys():
            yield from _truths(written[key], taken[key], (*path, key))
    elif _is_sequence(written) and _is_sequence(taken):
        for i, pair in enumerate(zip(written, taken, strict=True)):
            yield from _truths(*pair, (*path, i))


def _is_sequence(data: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(data, list | tuple)


def is_mapping(data: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether the data has keys and values."""
    return isinstance(data, Mapping)


def _problem(details: ErrorDetails) -> Problem:
    path = _written_path(details["loc"])
    kind, limits, got = details["type"], details.get("ctx", {}), details["input"]
    match kind:
        case "missing":
            return Problem(path, f"is missing; add {_meaning(details)}")
        case "extra_forbidden":
            return Problem(path, f"unknown key{nearest(str(path[-1]), _known_keys(details))}")
        case "union_tag_not_found":
            return Problem((*path, "op"), "is missing; say what the stage does: op: relu")
        case "union_tag_invalid":
            tag = str(limits["tag"])
            return Problem((*path, "op"), _unknown(tag))
        case "greater_than_equal":
            return Problem(path, f"must be at least {limits['ge']}, got {_short(got)}")
        case "less_than_equal":
            return Problem(path, f"must be at most {limits['le']}, got {_short(got)}")
        case "too_short":
            return Problem(path, f"needs at least {_entries(limits['min_length'])}")
        case "too_long":
            return Problem(path, f"takes at most {_entries(limits['max_length'])}, got {len(got)}")
        case "string_pattern_mismatch":  # only names have one
            return Problem(path, f"{NAME}, got {_short(got)}")
        case "dict_type" | "model_type" | "model_attributes_type":
            return Problem(path, f"must be a mapping, got {_short(got)}")
        case "list_type" | "tuple_type":
            return Problem(path, f"must be a list, got {_short(got)}")
        case "greater_than":
            return Problem(path, f"must be more than {limits['gt']}, got {_short(got)}")
        case "literal_error":
            return Problem(path, f"must be {limits['expected']}, got {_short(got)}")
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return Problem(path, f"must be a whole number, got {_short(got)}")
        case "float_type" | "float_parsing":
            return Problem(path, f"must be a number, got {_short(got)}")
        case "bool_type" | "bool_parsing":
            return Problem(path, f"must be true or false, got {_short(got)}")
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


def _meaning(details: ErrorDetails) -> str:
    """A missing field and what it is for."""
    loc = details["loc"]
    name = str(loc[-1])
    model: type[BaseModel] = Spec
    if len(loc) > 3 and loc[2] == "operator":
        model = known().operators[str(loc[3])]
    text = field_docs(model).get(name, "")
    return f"{name}: {text[:1].lower()}{text[1:].removesuffix('.')}" if text else name


def _known_keys(details: ErrorDetails) -> tuple[str, ...]:
    loc = details["loc"]
    if len(loc) > 3 and loc[2] == "operator":
        return (*known().operators[str(loc[3])].model_fields, "from")
    return tuple((Requirements if loc[:-1] == (INPUT,) else Spec).model_fields)


def _unknown(name: str) -> str:
    """Why there is no operator of that name, and what to do."""
    if reason := known().broken.get(name):
        return f"operator {name!r}: {reason}"
    return f"unknown operator {name!r}{nearest(name, known().operators)}"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
