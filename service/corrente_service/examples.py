"""Where the example pipelines, models and data lie."""

from pathlib import Path


def examples_folder() -> Path:
    """The folder `examples`: beside this file in an installed wheel, at the top of a checkout."""
    installed = Path(__file__).parent / "examples"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "examples"
