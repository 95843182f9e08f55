"""compose.yaml and Dockerfile name only commands, settings and files that exist, and run as little as they may."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from posthouse.platform.cli import make_parser
from posthouse.platform.rooms import ROOMS, assemble
from posthouse.platform.secrets import load_keyring, new_key
from posthouse.platform.settings import load
from posthouse.platform.up import supervisor

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
GIVEN = {
    "POSTHOUSE_SECRET_KEYS": new_key(),
    "DATABASE_PASSWORD": "letters",
    "POSTHOUSE_PUBLIC_URL": "https://mail.example",
    "POSTHOUSE_MAIL_DOMAIN": "post.example",
}


def _fill(found: re.Match[str]) -> str:
    """Fill in a variable as Compose does: ${NAME:-default} and ${NAME:?demand}; a demand that is not met is an error."""
    name, kind, rest = found.groups()
    return GIVEN[name] if kind == ":?" else GIVEN.get(name, rest)


def _filled(value: Any) -> Any:
    """Fill in the variables of what was read, which Compose does after reading."""
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", _fill, value) if isinstance(value, str) else value


COMPOSE = _filled(yaml.safe_load((DOCKER / "compose.yaml").read_text()))
SERVICES = COMPOSE["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"] == "posthouse"}
LINES = re.sub(r"\\\n", " ", (DOCKER / "Dockerfile").read_text()).splitlines()


def _instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


@pytest.mark.parametrize("name", OURS)
def test_every_command_and_setting_is_known(name):
    one = OURS[name]
    arguments = make_parser(assemble().commands).parse_args(one["command"])
    assert arguments.command == one["command"][0]
    settings = load({key: value for key, value in one["environment"].items() if key.startswith("POSTHOUSE_")})
    assert load_keyring(settings).current == 1
    assert settings.database_url
    assert settings.redis_url


def test_every_process_of_up_has_a_service():
    """The queues, too: a queue without a worker would wait for ever."""
    kept = {tuple(one.command[3:]) for one in supervisor(load({})).kept}
    served = {tuple(one["command"]) for one in OURS.values()}
    missing = {command for command in kept if not any(other[: len(command)] == command for other in served)}
    assert missing == set()


def test_only_who_manages_roles_is_the_administrator():
    knows = {name for name, one in OURS.items() if "letters" in one["environment"]["POSTHOUSE_DATABASE_URL"]}
    assert knows == {"migrate", "doctor"}


@pytest.mark.parametrize("name", OURS)
def test_no_process_may_more_than_it_needs(name):
    one = OURS[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in one["security_opt"]
    assert "privileged" not in one
    assert one["volumes"] == ["data:/var/lib/posthouse"]


def test_what_is_waited_for_exists():
    for name, one in SERVICES.items():
        for other, how in one.get("depends_on", {}).items():
            assert other in SERVICES, name
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"]
        for volume in one.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"]


def test_databases_are_not_open_to_the_network():
    assert {name for name, one in SERVICES.items() if "ports" in one} == {"web", "inbound", "submission"}
    assert SERVICES["redis"]["command"][-2:] == ["--maxmemory-policy", "noeviction"]


def test_ports_and_checks_are_those_that_the_services_have():
    plain = load({})
    assert OURS["web"]["ports"][0].endswith(f":{plain.web_port}")
    assert OURS["inbound"]["ports"][0].endswith(f":{plain.inbound_port}")
    assert [port.rpartition(":")[2] for port in OURS["submission"]["ports"]] == [str(plain.submission_port), str(plain.submission_tls_port)]
    assert _instructions("EXPOSE") == [f"{plain.web_port} {plain.inbound_port} {plain.submission_port} {plain.submission_tls_port}"]
    for name in ("web", "inbound", "submission"):
        assert OURS[name]["healthcheck"]["test"] == ["CMD", "python", "/opt/posthouse/healthcheck.py", name]


def test_images_have_plain_names():
    """No host of a registry: where images come from is the machine's business."""
    images = [line.split()[0] for line in _instructions("FROM")] + [one["image"] for one in SERVICES.values()]
    assert all(re.fullmatch(r"[a-z]+(:[a-z0-9.-]+)?", image) for image in images), images


def test_what_is_copied_exists_and_is_let_through():
    let_through = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [source for line in _instructions("COPY") if not line.startswith("--from") for source in line.split()[:-1]]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(source == one or source.startswith(f"{one}/") for one in let_through), source
    assert {*ROOMS, "migrations", "setup.py", "pyproject.toml"} <= set(copied)


def test_the_image_is_locked_and_does_not_run_as_root():
    text = "\n".join(LINES)
    assert text.count("pip install") == text.count("--require-hashes") + text.count("--no-index")
    assert "npm ci" in text
    assert int(_instructions("USER")[-1].split(":")[0]) > 0
    assert LINES.index(f"USER {_instructions('USER')[-1]}") > max(i for i, line in enumerate(LINES) if line.startswith("RUN "))
    assert _instructions("HEALTHCHECK")
    assert make_parser(assemble().commands).parse_args([_instructions("CMD")[0].strip('[]"')]).command == "web"


def test_settings_of_the_image_are_known():
    words = " ".join(_instructions("ENV")).split()
    settings = load(dict(word.split("=", 1) for word in words if word.startswith("POSTHOUSE_")))
    assert settings.data == Path("/var/lib/posthouse")


def test_the_example_names_what_compose_demands():
    named = set(re.findall(r"(?m)^(\w+)=", (DOCKER / "example.env").read_text()))
    demanded = set(re.findall(r"\$\{(\w+):\?", (DOCKER / "compose.yaml").read_text()))
    used = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text()))
    assert demanded <= named <= used


def test_the_wheel_holds_what_the_rooms_read():
    """A file that stands beside the code and is left out of the wheel is missed in the container only."""
    packed = set(re.findall(r'"\*(\.\w+)"', (ROOT / "setup.py").read_text())) | {".py"}
    left_out = {"assets", "static", "node_modules", "__pycache__"}
    files = [
        path for room in (*ROOMS, "migrations") for path in (ROOT / room).rglob("*") if path.is_file() and left_out.isdisjoint(path.parts)
    ]
    assert len(files) > 700
    assert {path.relative_to(ROOT).as_posix() for path in files if path.suffix not in packed} == {"platform/settings.md"}


def test_what_is_copied_between_the_stages_is_made_there():
    """The assets' build writes where the product's stage fetches it; both Python stages are one version, whose interpreter a venv links to."""
    stages = dict(re.findall(r"(?m)^FROM (\S+) AS (\w+)$", "\n".join(LINES)))
    assert set(stages.values()) == {"assets", "product"}
    assert 'join(here, "..", "static", "dist")' in (ROOT / "webui/assets/build.mjs").read_text()
    assert "COPY --from=assets /src/webui/static webui/static" in LINES
    assert "WORKDIR /src/webui/assets" in LINES
    pythons = {image for image in (line.split()[0] for line in _instructions("FROM")) if image.startswith("python")}
    wanted = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert wanted is not None
    assert pythons == {f"python:{wanted[1]}-slim"}
    assert "COPY --from=product /opt/posthouse /opt/posthouse" in LINES
    assert _instructions("ENV")[0].startswith("PATH=/opt/posthouse/bin:")


def test_only_what_is_a_volume_or_in_memory_is_written_to():
    """With a read-only root the data, and home, are the volume; it belongs to whom the image runs as."""
    user, home = _instructions("USER")[-1], "/var/lib/posthouse"
    assert any(
        f"--uid {user} --home-dir {home}" in line and f"install -d -o posthouse -g posthouse -m 0750 {home}" in line for line in LINES
    )
    assert _instructions("VOLUME") == [home]
    for one in OURS.values():
        assert one["tmpfs"] == ["/tmp"]
        assert "user" not in one
