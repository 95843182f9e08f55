"""The house keeps its own rules: who commits, who reads the clock and the environment, and how large a file may grow."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui")
LONGEST_FILE = 300
LONGEST_FUNCTION = 60


SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in path.parts]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_nothing_shadows_the_standard_library():
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert [_name(path) for path in (ROOT / "tests").rglob("__init__.py") if "node_modules" not in path.parts] == []


@pytest.mark.parametrize(
    ("pattern", "homes"),
    [
        (r"\.commit\(", {"platform/db.py"}),
        (r"datetime\.(now|utcnow)\(", {"platform/clock.py"}),
        (r"\bos\.(environ|getenv)\b", {"platform/settings.py"}),
        (r"^\s*(import|from) (tenants|billing|sending|inbound|webui)\b", set()),
    ],
)
def test_what_has_one_home_stays_there(pattern, homes):
    found = {_name(path) for path in SOURCES if re.search(pattern, path.read_text(), re.MULTILINE)}
    assert found - homes == set()


def test_files_and_functions_stay_small():
    long_files = {_name(path) for path in SOURCES if len(path.read_text().splitlines()) > LONGEST_FILE}
    assert long_files == set()
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
                found.add(f"{_name(path)}:{node.name}")
    assert found == set()
