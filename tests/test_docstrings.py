"""The examples in docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    source.relative_to(folder).with_suffix("")
    for folder in (ROOT / "clients", ROOT / "pipelines", ROOT / "service")
    for source in folder.rglob("*.py")
    if ">>> " in source.read_text()
)


@pytest.mark.parametrize("module", [".".join(source.parts) for source in SOURCES])
def test_the_examples_of_a_module_hold(module: str):
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried > 0
    assert failed == 0
