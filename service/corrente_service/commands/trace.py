"""`corrente trace`: what one output item, or pixel, is made of."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from corrente.format import FormatError, Items
from corrente.sources import is_endless, read_items, says_rate
from corrente.sources.source import Source
from corrente_pipelines import Plan, SpecError, load, run
from corrente_pipelines.blocks import data
from corrente_pipelines.choice import by_wisdom
from corrente_pipelines.deviation import joined
from corrente_pipelines.errors import nearest
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step
from corrente_pipelines.trace import Trace, Window, items_needed
from corrente_pipelines.trace import trace as traced
from corrente_service.commands.appearance import plain_app
from corrente_service.commands.run import finite
from corrente_service.figure import draw

MAX_BYTES = 1 << 30
"""As much of a recording as is read for one output."""

EACH_END = 8
"""Items of a long window that are printed, at each end."""

WIDEST = 9
"""The widest kernel that is printed whole."""

CORNER = 5
"""Rows and columns printed of others."""

app = plain_app()


@app.command()
def trace(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="The pipeline's YAML file.", show_default=False)
    ],
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A recording, as `run` reads it.", show_default=False),
    ],
    stage: Annotated[
        str, typer.Argument(metavar="STAGE", help="Whose output.", show_default=False)
    ],
    place: Annotated[
        list[int],
        typer.Argument(
            metavar="INDEX [ROW COLUMN] [CHANNEL]",
            help="Which output: the item, in a frame the row and column, and the channel, from 0.",
            show_default=False,
        ),
    ],
    rate_hz: Annotated[
        float | None, typer.Option(help="Items per second; else what the input says, or the spec.")
    ] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into FILE.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the inputs, the kernel, the products and their sum behind one output of a stage.

    Of a stage that correlates with no kernel, show the items that the output is made of. Exits with
    1 where there is no such output.
    """
    try:
        if is_endless(source):
            raise FormatError(f"{source} has no end; trace takes a recording")
        pipeline = load(spec)
        if rate_hz is None and not says_rate(source):
            rate_hz = pipeline.spec.input.rate_hz or 1.0
        recording = read_items(source, rate_hz)
        made = _made(pipeline.plan(recording.format, by_wisdom()), recording, stage, place)
        if png is not None:
            draw(made, png)
    except (SpecError, FormatError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(_data(made)) if as_json else "\n".join(_lines(made)))


def _made(plan: Plan, recording: Source, stage: str, place: list[int]) -> Trace:
    steps = {step.name: step for step in plan.steps}
    if stage not in steps:
        raise FormatError(f"there is no stage {stage!r}{nearest(stage, steps)}")
    step = steps[stage]
    if "events" in {step.format.kind, *(format.kind for format in step.joined)}:
        raise FormatError(
            f"trace shows signals and frames, {stage} takes or gives events; trace a stage before"
        )
    index, pixel, channel = _place(step, place)
    items = _begin(recording, items_needed(step, plan.format, index))
    wanted = [stage, *(name for name in step.inputs if name != INPUT)]
    values = {INPUT: items, **run(plan, [items], wanted)}
    inputs = [data(block) for block in joined(step, values)]
    return traced(step, inputs, values[stage], index, pixel, channel)


def _place(step: Step, place: list[int]) -> tuple[int, tuple[int, ...], int]:
    """The index, the pixel and the channel."""
    axes = 3 if step.format.kind == "frames" else 1
    if not axes <= len(place) <= axes + 1:
        said = "INDEX ROW COLUMN [CHANNEL]" if axes == 3 else "INDEX [CHANNEL]"
        raise FormatError(f"{step.name} gives {step.format.kind}: say {said}")
    channel = place[axes] if len(place) > axes else 0
    return place[0], tuple(place[1:axes]), channel


def _begin(recording: Source, count: int) -> Items:
    """The first `count` items of the recording, all if there are fewer."""
    if count * recording.format.item_bytes > MAX_BYTES:
        most = MAX_BYTES // recording.format.item_bytes
        raise FormatError(f"trace reads at most {most} of these items; say an earlier INDEX")
    parts = [recording.format.empty()]
    for block in recording.blocks():
        parts.append(block[: max(0, count)])
        count -= len(block)
        if count <= 0:
            break
    return np.concatenate(parts)


def _lines(made: Trace) -> list[str]:
    """The trace in words and tables."""
    step = made.step
    head = f"{label(made)} = {made.value:.9g}"
    what = f"{step.name} is {step.operator.name} of {', '.join(step.inputs)}"
    if not made.windows:
        return [head, f"{what}, no sum of products with a kernel; it sees:", *_seen(made)]
    shape = " x ".join(map(str, made.windows[0].taps.shape))
    padding = sum(int((~window.inside).sum()) for window in made.windows)
    padded = f", {padding} of them over padding ({made.pad})" if padding else ""
    channels = f" in each of {len(made.windows)} channels" if len(made.windows) > 1 else ""
    lines = [head, f"{what}: {shape} taps{channels}{padded}"]
    for window in made.windows:
        lines += ["", *(_row(window) if window.taps.ndim == 1 else _grids(window))]
    return [*lines, "", f"sum of all products, in float64: {made.total:.12g}"]


def label(made: Trace) -> str:
    """The output as one would write it: `edges[0, row 3, column 4, channel 1]`."""
    parts = [str(made.index)]
    if made.pixel:
        parts.append(f"row {made.pixel[0]}, column {made.pixel[1]}")
    if made.step.format.channels > 1:
        labels = made.step.format.labels
        name = f" ({labels[made.channel]})" if labels else ""
        parts.append(f"channel {made.channel}{name}")
    return f"{made.step.name}[{', '.join(parts)}]"


def _row(window: Window) -> list[str]:
    rows: list[tuple[str, ...]] = [
        (str(window.first[0] + k), _number(x, inside), _number(w), _number(product))
        for k, (x, inside, w, product) in enumerate(
            zip(window.inputs, window.inside, window.taps, window.products, strict=True)
        )
    ]
    hidden = len(rows) - 2 * EACH_END
    if hidden > 0:
        rows[EACH_END:-EACH_END] = [("...", f"{hidden} more", "", "")]
    rows = [("item", "input", "tap", "product"), *rows]
    rows.append(("", "", "sum", _number(float(window.products.sum()))))
    return [f"channel {window.channel} (an input in brackets is padding)", *_table(rows)]


def _grids(window: Window) -> list[str]:
    """The corner of inputs, taps and products, beside each other."""
    height, width = window.taps.shape
    shown = max(height, width) if max(height, width) <= WIDEST else CORNER
    rows, columns = (min(size, shown) for size in (height, width))
    top, left = window.first
    lines = [
        f"channel {window.channel}: rows {top} to {top + height - 1}, columns {left} to "
        f"{left + width - 1} (an input in brackets is padding)"
    ]
    if (rows, columns) != (height, width):
        lines.append(f"the upper left {rows} x {columns} of {height} x {width}; --png shows all")
    for name, values in (
        ("inputs", window.inputs),
        ("taps", window.taps),
        ("products", window.products),
    ):
        inside = window.inside if name == "inputs" else np.ones_like(window.inside)
        cells = [
            tuple(_number(values[r, c], inside[r, c]) for c in range(columns)) for r in range(rows)
        ]
        lines += [name, *_table(cells)]
    return [*lines, f"sum {_number(float(window.products.sum()))}"]


def _seen(made: Trace) -> list[str]:
    lines: list[str] = []
    for seen in made.seen:
        last = seen.first + len(seen.items) - 1
        span = f"item {last}" if last == seen.first else f"items {seen.first} to {last}"
        lines += ["", f"{seen.name}, {span if len(seen.items) else 'no item'}"]
        if seen.items.ndim > 2:
            lines += _frames(made, seen.items)
            continue
        rows = [
            (str(seen.first + k), *(_number(float(x)) for x in item[:WIDEST]))
            for k, item in enumerate(seen.items)
        ]
        if len(rows) > 2 * EACH_END:
            rows[EACH_END:-EACH_END] = [("...",) + ("",) * (len(rows[0]) - 1)]
        lines += _table(rows) if rows else []
    return lines


def _frames(made: Trace, frames: Items) -> list[str]:
    """The pixel at the same place where the frames are as large, else what lies in them."""
    if frames.shape[1:3] == made.step.format.shape[:2] and made.pixel:
        row, column = made.pixel
        return [
            f"at row {row}, column {column}: "
            + ", ".join(_number(float(x)) for x in np.ravel(frame[row, column])[:WIDEST])
            for frame in frames[-2 * EACH_END :]
        ]
    return [
        f"{' x '.join(map(str, frame.shape))}, {_number(float(frame.min()))} to "
        f"{_number(float(frame.max()))}"
        for frame in frames[-2 * EACH_END :]
    ]


def _number(value: float, inside: bool | np.bool_ = True) -> str:
    text = f"{value:.6g}"
    return text if inside else f"({text})"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.rjust, row, widths)) for row in rows]


def _data(made: Trace) -> dict[str, Any]:
    """The trace for programs."""
    return {
        "stage": made.step.name,
        "index": made.index,
        "pixel": made.pixel,
        "channel": made.channel,
        "output": finite(made.value),
        "sum": finite(made.total) if made.windows else None,
        "windows": [
            {
                "channel": window.channel,
                "first": window.first,
                "inputs": _listed(window.inputs),
                "inside": window.inside.tolist(),
                "taps": window.taps.tolist(),
            }
            for window in made.windows
        ],
        "seen": [
            {"input": seen.name, "first": seen.first, "items": _listed(seen.items)}
            for seen in (() if made.windows else made.seen)
        ],
    }


def _listed(values: Items) -> Any:
    """As nested lists, None where a number is not finite."""
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return listed.tolist()
