"""`corrente model`: networks and their weights."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from corrente_pipelines.networks.activity import activity
from corrente_pipelines.networks.layers import Network, Shape
from corrente_pipelines.networks.lenet5 import lenet5
from corrente_pipelines.networks.model import Model, ModelError
from corrente_pipelines.networks.weights import load_model
from corrente_service.commands.appearance import plain_app

NETWORKS = {"activity": activity, "lenet5": lenet5}
HEADINGS = ("layer", "output shape", "params")

app = plain_app(no_args_is_help=True)


@app.callback()
def model() -> None:
    """Networks and their weights."""


@app.command()
def summary(
    source: Annotated[
        str, typer.Argument(metavar=f"PATH|{'|'.join(NETWORKS)}", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a network's layers, their output shapes and parameters, and where weights come from."""
    try:
        model = None if source in NETWORKS else load_model(source)
    except ModelError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    network = model.network if model else NETWORKS[source]
    if as_json:
        typer.echo(json.dumps(_described(network) | (_described_model(model) if model else {})))
        return
    (_print_table if sys.stdout.isatty() else _print_plain)(network)
    for line in _facts(model) if model else ():
        typer.echo(line)


def _facts(model: Model) -> list[str]:
    """What a file says of a model beyond its layers."""
    scale, offset = _numbers(model.preprocessing.scale), _numbers(model.preprocessing.offset)
    made = model.provenance
    return [
        f"labels: {', '.join(model.labels)}",
        f"preprocessing: items * {scale} + {offset}",
        f"data: {made.data}",
        f"licence: {made.licence}",
        f"split: {made.split}",
        f"seed: {made.seed}",
        f"accuracy: {made.accuracy:.2%} of the items held out",
    ]


def _numbers(given: float | tuple[float, ...]) -> str:
    """One number, or one for each channel."""
    if isinstance(given, tuple):
        return f"({', '.join(f'{number:.4g}' for number in given)})"
    return f"{given:.6g}"


def _described(network: Network) -> dict[str, Any]:
    layers = [
        {"name": row.name, "output": row.output, "parameters": row.parameters}
        for row in network.rows
    ]
    return {"input": network.input, "layers": layers, "parameters": network.parameters}


def _described_model(model: Model) -> dict[str, Any]:
    return {
        "labels": model.labels,
        "preprocessing": model.preprocessing.model_dump(),
        "provenance": model.provenance.model_dump(),
    }


def _cells(network: Network) -> list[tuple[str, str, str]]:
    """The table's rows: layer, output shape, parameters; Keras's batch axis is None."""
    rows = [(row.name, _batch(row.output), f"{row.parameters:,}") for row in network.rows]
    return [("input", _batch(network.input), "0"), *rows]


def _batch(shape: Shape) -> str:
    return f"(None, {', '.join(map(str, shape))})"


def _print_table(network: Network) -> None:
    table = Table(*HEADINGS[:-1])
    table.add_column(HEADINGS[-1], justify="right")
    for cells in _cells(network):
        table.add_row(*cells)
    table.add_section()
    table.add_row("total", "", f"{network.parameters:,}")
    Console().print(table)


def _print_plain(network: Network) -> None:
    rows = [HEADINGS, *_cells(network), ("total", "", f"{network.parameters:,}")]
    first, second, third = (max(map(len, column)) for column in zip(*rows, strict=True))
    for layer, shape, parameters in rows:
        typer.echo(f"{layer:{first}}  {shape:{second}}  {parameters:>{third}}")
