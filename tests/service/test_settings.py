"""What the daemon is told, and what is wrong with it."""

import json
import math
import socket
import tomllib
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from corrente_service import effective, settings
from corrente_service.folder import Folder, FolderError
from tests.service.exchange import MEAN, PATIENT
from tests.serving import corrente, write_specs

OTHERS = {
    "PORT": "tcp://10.0.0.1:5555",
    "PORT_5555_TCP": "tcp://10.0.0.1:5555",
    "PORT_5555_TCP_ADDR": "10.0.0.1",
    "PORT_5555_TCP_PORT": "5555",
    "PORT_5555_TCP_PROTO": "tcp",
    "SERVICE_HOST": "10.0.0.1",
    "SERVICE_PORT": "5555",
    "SERVICE_PORT_HTTP": "8080",
}
"""What Kubernetes sets in every container beside a service of the name `corrente`."""


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"bind": "127.0.0.1:5555"}, "bind: must be tcp://HOST:PORT or ipc://PATH"),
        ({"bind": "udp://127.0.0.1:5555"}, "bind: must be tcp://"),
        ({"bind": "tcp://127.0.0.1:65536"}, "bind: must be tcp://HOST:PORT or ipc://PATH"),
        ({"http": "8080"}, "http: must be HOST:PORT"),
        ({"http": "127.0.0.1:65536"}, "http: must be HOST:PORT, with a port up to 65535"),
        ({"folder": "/nowhere"}, "folder: Path does not point to a directory, got '/nowhere'"),
        ({"limits": {"streams": 0}}, "limits.streams: "),
        ({"limits": {"streams": 0}}, "got '0' (from --limits.streams)"),
        ({"limits": {"stream": 9}}, "limits.stream: no such setting; did you mean limits.streams?"),
        ({"port": 9}, "port: no such setting; `corrente serve --show-config` shows all"),
        ({"log_level": "loud"}, "log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        ({"assigned": ["limits.peers=0"]}, "got '0' (from --set limits.peers)"),
        ({"assigned": ["limits.pears=9"]}, "did you mean limits.peers? (from --set limits.pears)"),
        ({"assigned": ["limits.peers"]}, "--set: must be NAME=VALUE"),
    ],
)
def test_a_bad_setting_is_named(given, complaint):
    with pytest.raises(settings.SettingsError) as raised:
        settings.read(**given)
    assert complaint in str(raised.value)


def write_file(folder: Path, text: str) -> Path:
    file = folder / "corrente.toml"
    file.write_text(text)
    return file


def test_a_flag_comes_before_the_environment_that_before_the_file_that_before_the_default(
    tmp_path, monkeypatch
):
    file = write_file(tmp_path, "[limits]\npeers = 1\nstreams = 1\nqueue_bytes = 1048576\n")
    monkeypatch.setenv("CORRENTE_LIMITS_PEERS", "2")
    monkeypatch.setenv("CORRENTE_LIMITS_STREAMS", "2")
    chosen, origins = settings.choose(file, ["limits.peers=3"], http="")
    assert (chosen.limits.peers, origins["limits.peers"]) == (3, "--set limits.peers")
    assert (chosen.limits.streams, origins["limits.streams"]) == (2, "CORRENTE_LIMITS_STREAMS")
    assert (chosen.limits.queue_bytes, origins["limits.queue_bytes"]) == (1 << 20, str(file))
    assert (chosen.limits.window_bytes, origins["limits.window_bytes"]) == (8 << 20, "default")
    assert (chosen.http, origins["http"]) == ("", "--http")
    assert set(origins) == set(settings.NAMES)


def test_the_environment_names_the_file_unless_a_flag_does(tmp_path, monkeypatch):
    monkeypatch.setenv("CORRENTE_CONFIG", str(write_file(tmp_path, 'log_format = "json"')))
    assert settings.read().log_format == "json"
    other = tmp_path / "other.toml"
    other.touch()
    assert settings.choose(other).settings.log_format == "text"


def test_a_file_lying_about_is_not_read(tmp_path, monkeypatch):
    write_file(tmp_path, 'log_format = "json"')
    monkeypatch.chdir(tmp_path)
    assert settings.read().log_format == "text"


def test_a_folder_in_the_file_lies_beside_it(tmp_path):
    (tmp_path / "specs").mkdir()
    file = write_file(tmp_path, 'folder = "specs"')
    assert settings.choose(file).settings.folder == tmp_path / "specs"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("bind = 5\n", "bind: Input should be a valid string, got '5' (from {file})"),
        ("limits = 5\n", "limits: no such setting; did you mean limits.peers? (from {file})"),
        ("[limits]\nstream = 5\n", "did you mean limits.streams? (from {file})"),
        ('config = "other.toml"\n', "config: no such setting; "),
        ("bind: here\n", "{file}: Expected '=' after a key"),
        ("\udcff", "{file}: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_the_file(tmp_path, text, complaint):
    file = tmp_path / "corrente.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(settings.SettingsError) as raised:
        settings.choose(file)
    assert complaint.format(file=file) in str(raised.value)


def test_a_file_that_is_not_there_is_said_with_who_named_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CORRENTE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(settings.SettingsError, match=r"none\.toml.*from CORRENTE_CONFIG"):
        settings.read()
    with pytest.raises(settings.SettingsError, match="from --config"):
        settings.choose(tmp_path)


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        ("CORRENTE_BINDD", "did you mean bind? (from CORRENTE_BINDD)"),
        ("CORRENTE_LIMIT_STREAMS", "did you mean limits.streams? (from CORRENTE_LIMIT_STREAMS)"),
        ("CORRENTE_LIMITS", "did you mean limits.peers? (from CORRENTE_LIMITS)"),
        ("CORRENTE_LIMITS_PEERS", "limits.peers: Input should be a valid integer"),
    ],
)
def test_a_variable_that_misspells_a_setting_or_its_value_is_refused(
    monkeypatch, variable, complaint
):
    monkeypatch.setenv(variable, "{}")
    with pytest.raises(settings.SettingsError) as raised:
        settings.read()
    assert complaint in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_variables_that_others_set_are_left_alone(monkeypatch):
    for name, value in OTHERS.items():
        monkeypatch.setenv(f"CORRENTE_{name}", value)
    assert settings.read() == settings.Settings()


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(settings.SettingsError) as raised:
        settings.read(bind="x", http="y")
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["bind", "http"]


@hypothesis.given(
    path=st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: not text.isspace()),
    level=st.sampled_from(["debug", "error"]),
    peers=st.integers(1, 1 << 60),
    stall_s=st.floats(0, exclude_min=True, allow_nan=False),
)
@hypothesis.example(path='\x7f\\"#é', level="debug", peers=1, stall_s=math.inf)
def test_what_is_shown_as_toml_is_a_file_of_the_same_settings(
    tmp_path_factory, path, level, peers, stall_s
):
    hypothesis.assume(settings._BIND.fullmatch(f"ipc://{path}"))
    limits = {"peers": peers, "stall_timeout_s": stall_s}
    folder = tmp_path_factory.getbasetemp()
    chosen = settings.choose(bind=f"ipc://{path}", folder=folder, log_level=level, limits=limits)
    file = folder / "shown.toml"
    file.write_text(effective.toml(chosen), "utf-8")
    again = settings.choose(file)
    assert again.settings == chosen.settings
    assert set(again.origins.values()) == {str(file)}


def served(*arguments: str) -> dict[str, Any]:
    """What `serve --show-config` prints as TOML and, the same, as JSON; by name."""
    shown = corrente("serve", "--show-config", *arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    as_json = corrente("serve", "--show-config", "--json", *arguments)
    told = {name: entry["value"] for name, entry in json.loads(as_json.stdout).items()}
    assert told == settings.flat(tomllib.loads(shown.stdout))
    return told


@pytest.mark.slow
def test_serve_shows_its_settings_whoever_has_the_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        http = f"127.0.0.1:{taken.getsockname()[1]}"
        told = served(str(tmp_path), "--http", http, "--set", "limits.streams=7")
    assert told["folder"] == str(tmp_path)
    assert (told["http"], told["limits.streams"]) == (http, 7)


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--show-config",)])
def test_a_bad_setting_ends_serve_before_any_socket_opens(tmp_path, more):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        http = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = (str(tmp_path), "--http", http, "--bind", f"tcp://{http}")
        done = corrente("serve", *arguments, "--set", "limits.streams=0", *more)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()  # and nothing about a port that is in use
    assert line.startswith("limits.streams: ")


@pytest.mark.parametrize("http", ["", "0.0.0.0:8080", "[::1]:0", "localhost:80"])
def test_the_web_may_be_anywhere_or_nowhere(http):
    assert settings.read(http=http).http == http


def test_a_daemon_bound_to_every_address_is_reached_on_loopback():
    assert settings.read(bind="tcp://0.0.0.0:7000").address == "tcp://127.0.0.1:7000"
    assert settings.read(bind="ipc:///run/corrente").address == "ipc:///run/corrente"


@pytest.mark.parametrize(
    ("bind", "http", "exposed"),
    [
        ("tcp://127.0.0.1:5555", "127.0.0.1:8080", ()),
        ("tcp://[::1]:5555", "", ()),
        ("ipc:///run/corrente", "localhost:8080", ()),
        ("tcp://0.0.0.0:5555", "[::]:8080", ("tcp://0.0.0.0:5555", "[::]:8080")),
        ("tcp://*:5555", "127.8.0.1:80", ("tcp://*:5555",)),
        ("tcp://eth0:5555", "sensors.example:80", ("tcp://eth0:5555", "sensors.example:80")),
    ],
)
def test_what_other_machines_may_reach_is_known(bind, http, exposed):
    assert settings.read(bind=bind, http=http).exposed == exposed


def test_a_folder_is_its_yaml_files(tmp_path):
    write_specs(tmp_path, MEAN, PATIENT)
    (tmp_path / "notes.txt").write_text("not a spec")
    assert list(Folder(tmp_path).pipelines) == ["mean", "patient"]


def test_every_file_that_is_wrong_is_named(tmp_path):
    write_specs(tmp_path, MEAN)
    (tmp_path / "other.yml").write_text((tmp_path / "mean.yaml").read_text())
    (tmp_path / "void.yaml").write_text("")
    with pytest.raises(FolderError) as raised:
        Folder(tmp_path)
    first, second = str(raised.value).splitlines()
    assert "other.yml: name: " in first
    assert "mean.yaml is called mean, too" in first
    assert "void.yaml" in second


@pytest.mark.parametrize(
    ("workers", "bind", "line"),
    [
        (0, "tcp://127.0.0.1:5555", "workers: Input should be greater than or equal to 1"),
        (65, "tcp://127.0.0.1:5555", "workers: Input should be less than or equal to 64"),
        (2, "tcp://127.0.0.1:65535", "workers: so many workers need ports up to 65536"),
    ],
)
def test_so_many_workers_there_cannot_be(workers, bind, line):
    with pytest.raises(settings.SettingsError, match=line):
        settings.read(workers=workers, bind=bind)


@pytest.mark.parametrize("bind", ["tcp://127.0.0.1:65472", "ipc:///run/corrente", "tcp://*:0"])
def test_as_many_workers_as_partitions_have_room(bind, monkeypatch):
    monkeypatch.setenv("CORRENTE_WORKERS", "64")
    assert settings.read(bind=bind).workers == 64
