"""What all tests may ask for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from corrente_pipelines import warm
from corrente_service.logs import Text
from tests.serving import Serving, write_specs


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's folder for caches is another one: no test knows what was measured here before."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def compiled() -> None:
    """Every kernel is compiled: the first time on a machine that takes longer than tests wait."""
    warm()


@pytest.fixture
def serve(tmp_path: Path, compiled: None) -> Iterator[Callable[..., Serving]]:
    """`serve(spec, ..., arguments=(), **settings)` starts a daemon; it must end with 0."""
    with ExitStack() as stack:

        def start(*specs: dict[str, Any], arguments: tuple[str, ...] = (), **settings: str) -> Any:
            folder = write_specs(tmp_path, *specs)
            return stack.enter_context(Serving(folder, *arguments, **settings))

        yield start


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, its text with the fields that the service's lines have."""
    caplog.handler.setFormatter(Text())
    return caplog
