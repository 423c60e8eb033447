"""What the daemon is told from outside. Nothing else reads the environment."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, DirectoryPath, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from corrente_service.limits import Limits

_BIND = re.compile(r"tcp://([^/:\s]+|\[[0-9a-fA-F:]+\]):\d{1,5}|ipc://\S+")
_HTTP = re.compile(r"([^/:\s]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


class SettingsError(ValueError):
    """A setting that cannot be; its text has a line for each."""


def _bindable(endpoint: str) -> str:
    if not _BIND.fullmatch(endpoint):
        raise ValueError("must be tcp://HOST:PORT or ipc://PATH, with port 0 for any free one")
    return endpoint


def _servable(address: str) -> str:
    if address and not _HTTP.fullmatch(address):
        raise ValueError("must be HOST:PORT, with port 0 for any free one, or empty for none")
    return address


class Settings(BaseSettings):
    """One daemon's settings; immutable.

    Each can be given as an environment variable: `CORRENTE_BIND`, `CORRENTE_LIMITS_STREAMS`.
    """

    model_config = SettingsConfigDict(
        env_prefix="CORRENTE_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="forbid",
    )

    folder: DirectoryPath = Path()
    bind: Annotated[str, AfterValidator(_bindable)] = "tcp://127.0.0.1:5555"
    http: Annotated[str, AfterValidator(_servable)] = "127.0.0.1:8080"
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    limits: Limits = Limits()

    @property
    def address(self) -> str:
        """Where a client on this machine finds the daemon."""
        return reachable(self.bind)

    @property
    def exposed(self) -> tuple[str, ...]:
        """The addresses that other machines may reach."""
        served = (self.bind, self.http) if self.http else (self.bind,)
        return tuple(address for address in served if not _is_local(address))


def read(**given: Any) -> Settings:
    """The settings given (None: not given), the rest from the environment.

    Raises `SettingsError` where one cannot be.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [_line(tuple(map(str, e["loc"])), e["msg"], e["input"]) for e in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def reachable(endpoint: str) -> str:
    """The endpoint as a client on the same machine says it."""
    return re.sub(r"^tcp://(0\.0\.0\.0|\*|\[::\]):", "tcp://127.0.0.1:", endpoint)


def _is_local(address: str) -> bool:
    if address.startswith("ipc://"):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _line(path: tuple[str, ...], message: str, got: Any) -> str:
    text = message.removeprefix("Value error, ")
    return f"{'.'.join(path)}: {text}, got {str(got)!r}"
