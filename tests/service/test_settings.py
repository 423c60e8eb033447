"""What the daemon is told, and what is wrong with it."""

import pytest

from corrente_service import settings
from corrente_service.folder import Folder, FolderError
from tests.service.exchange import MEAN, PATIENT
from tests.serving import write_specs


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"bind": "127.0.0.1:5555"}, "bind: must be tcp://HOST:PORT or ipc://PATH"),
        ({"bind": "udp://127.0.0.1:5555"}, "bind: must be tcp://"),
        ({"http": "8080"}, "http: must be HOST:PORT"),
        ({"folder": "/nowhere"}, "folder: Path does not point to a directory, got '/nowhere'"),
        ({"limits": {"streams": 0}}, "limits.streams: "),
        ({"limits": {"stream": 9}}, "limits.stream: "),
        ({"port": 9}, "port: "),
    ],
)
def test_a_bad_setting_is_named(given, complaint):
    with pytest.raises(settings.SettingsError) as raised:
        settings.read(**given)
    assert complaint in str(raised.value)


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
