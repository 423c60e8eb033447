"""`corrente schema`: what an editor needs to complete and check a spec."""

import json

import typer

from corrente_pipelines.json_schema import json_schema
from corrente_service.commands.appearance import plain_app

app = plain_app()


@app.command()
def schema() -> None:
    """Print the JSON Schema of a spec.

    It has every operator, those of other packages installed, too. Written into a file, it lets an
    editor complete and check specs.
    """
    typer.echo(json.dumps(json_schema(), indent=2))
