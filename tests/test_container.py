"""What the image and the compose file promise, as far as it can be read without an engine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from corrente_service.settings import FILE, NAMES, PREFIX

ROOT = Path(__file__).parent.parent
COMPOSED = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]


def image_stages() -> dict[str, tuple[str, list[str]]]:
    """By a stage's name what it is from, and its instructions, each on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, tuple[str, list[str]]] = {}
    instructions: list[str] = []
    for line in text.replace("\\\n", "").splitlines():
        if begins := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            instructions = []
            stages[begins[2]] = (begins[1], instructions)
        elif line:
            instructions.append(re.sub(r"\s+", " ", line))
    return stages


STAGES = image_stages()


def lineage(stage: str) -> list[str]:
    """A stage's instructions behind those of the stages it is from."""
    source, instructions = STAGES[stage]
    return [*(lineage(source) if source in STAGES else []), *instructions]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_on_a_read_only_root_without_rights(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid"} & set(service)


def test_ports_are_published_on_this_machine_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published == ["127.0.0.1:5555:5555", "127.0.0.1:8080:8080"]


def test_clients_wait_until_the_daemon_is_healthy():
    for name in SERVICES.keys() - {"daemon"}:
        assert SERVICES[name]["depends_on"] == {"daemon": {"condition": "service_healthy"}}


@pytest.mark.parametrize("stage", ["service", "gpu"])
def test_an_image_runs_as_a_plain_user_and_drains_when_told_to_stop(stage):
    instructions = lineage(stage)
    assert [line for line in instructions if line.startswith("USER ")] == ["USER 10001:10001"]
    assert "STOPSIGNAL SIGTERM" in instructions
    (health,) = (line for line in instructions if line.startswith("HEALTHCHECK "))
    assert health.endswith('CMD ["corrente", "healthcheck"]')
    assert 'CMD ["serve"]' in instructions


def test_the_image_built_by_default_has_no_torch_and_the_other_has_the_pinned_one():
    assert list(STAGES)[-1] == "service"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (torch,) = (d for d in project["optional-dependencies"]["train"] if d.startswith("torch"))
    assert STAGES["build-gpu"][1] == [f"RUN pip install {torch}"]
    copied = {stage: lineage(stage)[-1] for stage in ("service", "gpu")}
    assert copied == {
        "service": "COPY --from=build /opt/corrente /opt/corrente",
        "gpu": "COPY --from=build-gpu /opt/corrente /opt/corrente",
    }


def test_the_image_runs_the_kernels_that_were_compiled_into_it():
    build, runtime = " ".join(STAGES["build"][1]), " ".join(STAGES["runtime"][1])
    assert "for cpu in generic $(grep -qw avx2 /proc/cpuinfo && echo x86-64-v3); do" in build
    assert set(re.findall(r"NUMBA_CPU_NAME=([\w-]+)", runtime)) == {"x86-64-v3", "generic"}
    for shared in ("NUMBA_CACHE_DIR=/var/cache/corrente ", "NUMBA_CPU_FEATURES= "):
        assert shared in build
        assert shared in runtime


def test_the_image_sets_settings_that_there_are():
    known = {PREFIX + name.upper().replace(".", "_") for name in (FILE, *NAMES)}
    told = set(re.findall(rf"{PREFIX}\w+", " ".join(lineage("service"))))
    assert told == {"CORRENTE_FOLDER", "CORRENTE_BIND", "CORRENTE_HTTP"}
    assert told <= known
