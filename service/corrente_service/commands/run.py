"""`corrente run`: a recording through a pipeline, without a daemon."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated
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
from corrente_service.commands.appearance import plain_app

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
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The npz to write, an array per stage; or a csv of one stage that is a signal or "
            "events.",
            show_default=False,
        ),
    ],
    rate_hz: Annotated[
        float | None, typer.Option(help="Items per second; else what the input says, or the spec.")
    ] = None,
    stage: Annotated[
        list[str] | None, typer.Option(help="Write this stage; again for more. All by default.")
    ] = None,
) -> None:
    """Run a recording through a pipeline: one array per stage, the bits that the daemon gives.

    Events are rows, columns as in `corrente explain`, the first one where each lies.

    Exits with 1 where the spec, the recording or their formats do not fit.
    """
    try:
        if is_endless(source):
            raise FormatError(f"{source} has no end; run takes a recording")
        if not out.parent.is_dir():
            raise FormatError(f"{out}: there is no folder {out.parent}; make it first")
        pipeline = load(spec)
        if rate_hz is None and not says_rate(source):
            rate_hz = pipeline.spec.input.rate_hz
        recording = read_items(source, rate_hz)
        plan = pipeline.plan(recording.format)
        wanted = _wanted(plan, stage)
        write = _writer(out, plan, wanted)
        outputs = through(plan, _counted(recording), wanted)
        write(outputs)
    except (SpecError, FormatError, OSError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    for name, items in outputs.items():
        typer.echo(f"{name}: {items.shape} {items.dtype}")


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


def _write_arrays(out: Path, outputs: dict[str, Items]) -> None:
    """An npz of the outputs; `np.savez` would take some stages' names for arguments of its own."""
    with ZipFile(out, "w") as file:
        for name, items in outputs.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, items, allow_pickle=False)


def _write_table(out: Path, plan: Plan, outputs: dict[str, Items]) -> None:
    """A csv of the one stage, as `corrente sub --save` writes it."""
    ((name, items),) = outputs.items()
    table = Table(out)
    try:
        table.save(Block("", plan.pipeline, name, 0, items, 0, plan.formats[name]))
    finally:
        table.close()


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
