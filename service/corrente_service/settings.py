"""What the daemon is told from outside. Nothing else reads the environment.

A flag comes before the environment, which comes before the configuration file.
"""

import os
import re
import tomllib
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeGuard

from pydantic import (
    AfterValidator,
    BaseModel,
    DirectoryPath,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from corrente.wire import MAX_WORKERS
from corrente_service.limits import Limits

PREFIX = "CORRENTE_"
FILE = "config"
"""The flag, and the variable, that name the file. It is no setting: a file names no other."""

_HTTP = re.compile(r"([^/:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
_BIND = re.compile(rf"tcp://{_HTTP.pattern}|ipc://\S+")
_MAX_PORT = 65535
_PORTS = f"with a port up to {_MAX_PORT}, 0 for any free one"


class SettingsError(ValueError):
    """A setting that cannot be; its text has a line for each."""


def _is_like(form: re.Pattern[str], address: str) -> bool:
    match = form.fullmatch(address)
    return match is not None and int(match["port"] or 0) <= _MAX_PORT


def _bindable(endpoint: str) -> str:
    if not _is_like(_BIND, endpoint):
        raise ValueError(f"must be tcp://HOST:PORT or ipc://PATH, {_PORTS}")
    return endpoint


def _servable(address: str) -> str:
    if address and not _is_like(_HTTP, address):
        raise ValueError(f"must be HOST:PORT, {_PORTS}, or empty for none")
    return address


class Settings(BaseSettings):
    """One daemon's settings; immutable.

    Each can be given as an environment variable: `CORRENTE_BIND`, `CORRENTE_LIMITS_STREAMS`.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        enable_decoding=False,  # a variable is one setting, not JSON of several
        frozen=True,
        extra="forbid",
    )

    folder: DirectoryPath = Path()
    bind: Annotated[str, AfterValidator(_bindable)] = "tcp://127.0.0.1:5555"
    http: Annotated[str, AfterValidator(_servable)] = "127.0.0.1:8080"
    workers: int = Field(default=1, ge=1, le=MAX_WORKERS)
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    limits: Limits = Limits()

    @field_validator("workers")
    @classmethod
    def _has_ports(cls, workers: int, info: ValidationInfo) -> int:
        """Each worker has a port of its own, behind that of `bind`."""
        match = _BIND.fullmatch(str(info.data.get("bind")))
        last = int((match and match["port"]) or 0) + workers - 1
        if last > _MAX_PORT:
            raise ValueError(
                f"so many workers need ports up to {last}, and {_MAX_PORT} is the last"
            )
        return workers

    @property
    def address(self) -> str:
        """Where a client on this machine finds the daemon."""
        return reachable(self.bind)

    @property
    def exposed(self) -> tuple[str, ...]:
        """The addresses that other machines may reach."""
        served = (self.bind, self.http) if self.http else (self.bind,)
        return tuple(address for address in served if not _is_local(address))


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{inner}" for inner in _names(field.annotation))
        else:
            yield name


NAMES = tuple(_names(Settings))
"""Every setting's name: `bind`, `limits.peers`."""


class Chosen(NamedTuple):
    """Settings, and by name where each came from."""

    settings: Settings
    origins: dict[str, str]


class _Told(NamedTuple):
    """A value, and where it came from."""

    value: Any
    origin: str


def read(**flags: Any) -> Settings:
    """The settings alone; see `choose`."""
    return choose(**flags).settings


def choose(config: Path | None = None, assigned: Iterable[str] = (), **flags: Any) -> Chosen:
    """The settings from flags (None: not given), `NAME=VALUE`s, environment, TOML file, defaults.

    Raises `SettingsError` where one cannot be, or is not known.
    """
    sources = (_given(flags), _assigned(assigned), _environment(), _file(config))
    unknown = [line for source in sources for line in _unknown(source)]
    if unknown:
        raise SettingsError("\n".join(unknown))
    told = ChainMap(*sources)
    origins = {name: told[name].origin if name in told else "default" for name in NAMES}
    try:
        settings = Settings(**_nested({name: value for name, (value, _) in told.items()}))
    except ValidationError as error:
        wrong = [(".".join(map(str, e["loc"])), e["msg"], e["input"]) for e in error.errors()]
        lines = [
            f"{name}: {message.removeprefix('Value error, ')}, got {str(got)!r} "
            f"(from {origins[name]})"
            for name, message, got in wrong
        ]
        raise SettingsError("\n".join(lines)) from None
    return Chosen(settings, origins)


def flat(values: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Values by name: `{"limits": {"peers": 1}}` is `{"limits.peers": 1}`."""
    items: dict[str, Any] = {}
    for name, value in values.items():
        items |= flat(value, f"{head}{name}.") if _is_table(value) else {head + name: value}
    return items


def reachable(endpoint: str) -> str:
    """The endpoint as a client on the same machine says it."""
    return re.sub(r"^tcp://(0\.0\.0\.0|\*|\[::\]):", "tcp://127.0.0.1:", endpoint)


def _given(flags: Mapping[str, Any]) -> dict[str, _Told]:
    return {
        name: _Told(value, "FOLDER" if name == "folder" else f"--{name}")
        for name, value in flat(flags).items()
        if value is not None
    }


def _assigned(assigned: Iterable[str]) -> dict[str, _Told]:
    told: dict[str, _Told] = {}
    for text in assigned:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--set: must be NAME=VALUE, as limits.peers=9, got {text!r}")
        told[name] = _Told(value, f"--set {name}")
    return told


def _environment() -> dict[str, _Told]:
    """The variables of settings, and those that misspell one.

    Others are left alone: Kubernetes sets CORRENTE_PORT and more for the sake of a service.
    """
    values = flat(EnvSettingsSource(Settings)())
    told = {name: _Told(values[name], _variable(name)) for name in NAMES if name in values}
    known = {_variable(name) for name in (FILE, *NAMES)}
    for variable, value in os.environ.items():
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and variable not in known and _near(name):
            told[name] = _Told(value, variable)
    return told


def _file(config: Path | None) -> dict[str, _Told]:
    """What the file says; a relative folder in it lies beside it."""
    named = config or os.environ.get(_variable(FILE))
    if not named:
        return {}
    path = Path(named)
    try:
        values = flat(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:  # ValueError: it is no TOML, or no UTF-8
        origin = f"--{FILE}" if config else _variable(FILE)
        raise SettingsError(f"{path}: {error} (from {origin})") from None
    if isinstance(folder := values.get("folder"), str):
        values["folder"] = path.parent / folder
    return {name: _Told(value, str(path)) for name, value in values.items()}


def _variable(name: str) -> str:
    return PREFIX + name.upper().replace(".", "_")


def _near(name: str) -> str:
    """The setting that was meant by another name, or nothing."""
    return next(iter(get_close_matches(name, NAMES, n=1)), "")


def _unknown(told: Mapping[str, _Told]) -> Iterator[str]:
    """A line for each name that is not a setting's."""
    for name, (_, origin) in told.items():
        if name not in NAMES:
            near = _near(name)
            remedy = f"did you mean {near}?" if near else "`corrente serve --show-config` shows all"
            yield f"{name}: no such setting; {remedy} (from {origin})"


def _is_table(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *heads, key = name.split(".")
        table = tree
        for head in heads:
            table = table.setdefault(head, {})
        table[key] = value
    return tree


def _is_local(address: str) -> bool:
    if address.startswith("ipc://"):
        return True
    host = address.removeprefix("tcp://").rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
