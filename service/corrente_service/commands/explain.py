"""`corrente explain`: what a spec will do, and whether it can."""

import json
from pathlib import Path
from typing import Annotated

import typer

from corrente.format import Format, FormatError, format_of
from corrente_pipelines import Explanation, Pipeline, SpecError, drawing, load
from corrente_pipelines.choice import Choice
from corrente_service.commands.appearance import plain_app
from corrente_service.cost import learned, measured

app = plain_app()


@app.command()
def explain(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="The pipeline's YAML file.", show_default=False)
    ],
    shape: Annotated[
        str | None,
        typer.Option(help="Shape of one item: 3 for a signal, 480x640 or 480x640x3 for frames."),
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="dtype of the items.")] = None,
    rate_hz: Annotated[float | None, typer.Option(help="Items per second.")] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the graph of the stages into FILE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Validate a spec; print what its stages do, how late, at what cost, in how much memory.

    What the spec's `input` leaves open comes from the options. Costs are measured, on noise, which
    takes a second or two. Where a stage can be computed in several ways each is measured once: the
    times are kept for this command, `run`, `trace` and `serve`. Exits with 1 where the spec, or the
    format, cannot work.
    """
    try:
        pipeline = load(spec)
        format = source_format(pipeline, shape, dtype, rate_hz)
        explanation = None if format is None else _measured(pipeline, format)
        if svg is not None:
            _draw(explanation, svg)
    except (SpecError, FormatError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    if explanation is not None:
        typer.echo(json.dumps(explanation.data()) if as_json else explanation)
    elif as_json:
        typer.echo(json.dumps({"pipeline": pipeline.name, "stages": list(pipeline.graph)}))
    else:
        typer.echo(f"{spec}: valid; stages {', '.join(pipeline.graph)}")
        typer.echo("say --shape, such as 480x640, to see formats, delays and costs")


def _measured(pipeline: Pipeline, format: Format) -> Explanation:
    """What the plan will do, by what each way to compute a stage takes here."""
    known = learned(pipeline, format)
    plan = pipeline.plan(format, Choice(wisdom=known))
    return plan.explain(measured(plan), known)


def _draw(explanation: Explanation | None, file: Path) -> None:
    if explanation is None:
        raise FormatError("a drawing says formats: say --shape, such as 480x640")
    file.write_text(drawing.svg(explanation), encoding="utf-8")


def source_format(
    pipeline: Pipeline, shape: str | None, dtype: str | None, rate_hz: float | None
) -> Format | None:
    """The format that the options and the spec's requirements give, None without a shape.

    Raises `FormatError` where the shape is none.
    """
    asked = pipeline.spec.input
    open_shape = asked.format()
    sizes = _sizes(shape) if shape else (open_shape.shape if open_shape else None)
    if sizes is None:
        return None
    rate = asked.rate_hz or 1.0 if rate_hz is None else rate_hz
    return format_of(sizes, rate, dtype or asked.dtype or "float32")


def _sizes(shape: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in shape.lower().split("x"))
    except ValueError:
        raise FormatError(f"a shape is sizes joined by x, such as 480x640, got {shape!r}") from None
