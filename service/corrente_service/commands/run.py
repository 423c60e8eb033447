"""`corrente run`: a recording through a pipeline, without a daemon."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZipFile

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from corrente import Block
from corrente.format import FormatError, Items
from corrente.saving.table import Table
from corrente.sources import Source, is_endless, read_items, says_rate
from corrente_pipelines import Plan, SpecError, load
from corrente_pipelines import run as through
from corrente_pipelines.blocks import data
from corrente_pipelines.choice import by_wisdom
from corrente_pipelines.deviation import Deviation, deviations, whole
from corrente_service.commands.appearance import plain_app

REFERENCE_BYTES = 64 << 20
"""As much of a recording as is held against definitions: they are slow, and take float64."""

app = plain_app()


@app.command()
def run(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC", help="The pipeline's YAML file.", show_default=False)
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="npy, npz (PATH:NAME for one array of several), csv, wav, a video, a folder of "
            "images.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The npz to write, an array per stage; or a csv of one stage that is a signal or "
            "events.",
            show_default=False,
        ),
    ] = None,
    rate_hz: Annotated[
        float | None, typer.Option(help="Items per second; else what the input says, or the spec.")
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(help="Write this stage; again for more. All by default.")
    ] = None,
    reference: Annotated[
        bool,
        typer.Option(
            "--reference",
            help="Hold every stage against its definition, computed slowly; print where one leaves "
            "its tolerance first.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run a recording through a pipeline: one array per stage, the bits that the daemon gives.

    Events are rows, columns as in `corrente explain`, the first one where each lies.

    Exits with 1 where the spec, the recording or their formats do not fit, or where a stage leaves
    its tolerance of its definition.
    """
    try:
        if out is None and not reference:
            raise FormatError("say what to do: --out FILE writes the outputs, --reference checks")
        if is_endless(source):
            raise FormatError(f"{source} has no end; run takes a recording")
        if out is not None and not out.parent.is_dir():
            raise FormatError(f"{out}: there is no folder {out.parent}; make it first")
        pipeline = load(spec)
        if rate_hz is None and not says_rate(source):
            rate_hz = pipeline.spec.input.rate_hz
        recording = read_items(source, rate_hz)
        plan = pipeline.plan(recording.format, by_wisdom())
        wanted = _wanted(plan, stage)
        write = None if out is None else _writer(out, plan, wanted)
        if reference:
            items = _whole(recording)
            made = whole(plan, items)
            outputs = {name: data(made[name]) for name in wanted}
            found = list(deviations(plan, items, made))
        else:
            outputs, found = through(plan, _counted(recording), wanted), None
        if write is not None:
            write(outputs)
    except (SpecError, FormatError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps(_data(outputs, found)))
    else:
        _say(outputs, found)
    if found:
        raise typer.Exit(1)


def _say(outputs: dict[str, Items], found: list[Deviation] | None) -> None:
    for name, items in outputs.items():
        typer.echo(f"{name}: {items.shape} {items.dtype}")
    for one in found or ():
        place = "".join(f"[{at}]" for at in (one.index, *one.place))
        typer.echo(
            f"{one.stage} leaves its tolerance first at {one.stage}{place}: {one.got:.9g}, by "
            f"definition {one.wanted:.9g}, which may be {one.bound:.3g} away"
            if one.place
            else f"{one.stage} has {one.got:g} items, by definition {one.wanted:g}"
        )
    if found == []:
        typer.echo("all stages within tolerance of their definitions")


def _data(outputs: dict[str, Items], found: list[Deviation] | None) -> dict[str, Any]:
    """The same for programs; numbers that JSON does not have are null."""
    stages = [
        {"stage": name, "shape": items.shape, "dtype": items.dtype.name}
        for name, items in outputs.items()
    ]
    if found is None:
        return {"stages": stages}
    deviations = [
        {
            "stage": one.stage,
            "index": one.index,
            "place": one.place,
            "got": finite(one.got),
            "wanted": finite(one.wanted),
            "bound": finite(one.bound),
        }
        for one in found
    ]
    return {"stages": stages, "deviations": deviations}


def finite(value: float) -> float | None:
    """The number, None for what JSON has no word for."""
    return value if isfinite(value) else None


def _whole(recording: Source) -> Items:
    """All its items; raises `FormatError` where they are too many to be defined at once."""
    parts: list[Items] = [recording.format.empty()]
    held = 0
    for block in _counted(recording):
        parts.append(block)
        held += block.nbytes
        if held > REFERENCE_BYTES:
            most = REFERENCE_BYTES // recording.format.item_bytes
            raise FormatError(
                f"--reference takes at most {REFERENCE_BYTES >> 20} MiB of items, {most} of these; "
                "cut the recording"
            )
    return np.concatenate(parts)


def _writer(out: Path, plan: Plan, wanted: list[str]) -> Callable[[dict[str, Items]], None]:
    """What writes the outputs; `FormatError` where the file could not hold them."""
    if out.suffix.lower() != ".csv":
        return partial(_write_arrays, out)
    if len(wanted) > 1:
        raise FormatError(f"{out} holds one stage; name it with --stage, or write an npz")
    (name,) = wanted
    if plan.formats[name].kind == "frames":
        raise FormatError(f"{out}: a csv holds signals and events, {name} is frames; use an npz")
    return partial(_write_table, out, plan)


def _write_table(out: Path, plan: Plan, outputs: dict[str, Items]) -> None:
    """A csv of the one stage, as `corrente sub --save` writes it."""
    ((name, items),) = outputs.items()
    table = Table(out)
    try:
        table.save(Block("", plan.pipeline, name, 0, items, 0, plan.formats[name]))
    finally:
        table.close()


def _write_arrays(out: Path, outputs: dict[str, Items]) -> None:
    """An npz of the outputs; `np.savez` would take some stages' names for arguments of its own."""
    with ZipFile(out, "w") as file:
        for name, items in outputs.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, items, allow_pickle=False)


def _wanted(plan: Plan, stages: list[str] | None) -> list[str]:
    for name in stages or []:
        if name not in plan.formats:
            raise FormatError(f"there is no stage {name}; there are {', '.join(plan.formats)}")
    return stages or list(plan.formats)


def _counted(recording: Source) -> Iterator[Items]:
    """The recording's blocks, counted on standard error where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:.0f} items"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("items", total=None)
        for block in recording.blocks():
            yield block
            progress.advance(task, len(block))
