"""Habits that lint can't know: who opens transactions, what an __init__ holds, what files are not called, how tests keep time."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui", "migrations")


def _python(*folders: str) -> dict[str, str]:
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts)
    return {str(path.relative_to(ROOT)): path.read_text() for path in found}


# Below the edges these open transactions themselves, because they speak to the outside between two of them (claim, act,
# record) or are the edge of a command. The list only shrinks.
OPENERS = {
    "billing/gateway/services.py",
    "billing/plans/services.py",
    "billing/subscriptions/queries.py",
    "billing/subscriptions/services.py",
    "sending/delivery/claiming.py",
    "sending/delivery/keeping.py",
    "sending/delivery/lane.py",
    "sending/delivery/meter.py",
    "sending/delivery/settlement.py",
    "sending/delivery/stops.py",
    "sending/delivery/sweeper.py",
    "sending/tracking/targets.py",
    "tenants/people/first_run.py",
    "tenants/people/stays.py",
    "tenants/room.py",
}
EDGES = ("platform/", "webui/", "inbound/")
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "lib", "base"}


def opens_transactions(name: str, tree: ast.Module) -> Iterator[str]:
    """Only edges open transactions: services compose inside them."""
    if name.startswith((*EDGES, "tests/", "migrations/")) or name.endswith("/jobs.py") or name in OPENERS:
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "posthouse.platform.db"
            and any(one.name == "transaction" for one in node.names)
        ):
            yield f"{name}:{node.lineno} opens a transaction"


def holds_more_than_its_docstring(name: str, tree: ast.Module) -> Iterator[str]:
    """Every module says in a sentence what it is for; an __init__ holds nothing else."""
    if ast.get_docstring(tree) is None:
        yield f"{name} has no docstring"
    if name.endswith("/__init__.py") and len(tree.body) > 1:
        yield f"{name} holds more than its docstring"


def says_nothing_by_its_name(name: str, _tree: ast.Module) -> Iterator[str]:
    """A thing without a noun has not been understood yet."""
    if NO_NAMES & set(Path(name).with_suffix("").parts):
        yield f"{name} is named after nothing"


def reads_the_wall_clock(name: str, tree: ast.Module) -> Iterator[str]:
    """Tests take time from the house's clock, which they can hold."""
    if name.startswith(("tests/support/", "tests/bench/")):
        return
    walls = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            if (node.func.value.id, node.func.attr) in walls:
                yield f"{name}:{node.lineno} reads the wall clock"
            if node.func.attr == "sleep" and node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value > LONGEST_PAUSE:
                yield f"{name}:{node.lineno} sleeps instead of waiting for something"


LONGEST_PAUSE = 0.1  # between two looks at a condition


def reads_the_environment(name: str, tree: ast.Module) -> Iterator[str]:
    """Tests ask `posthouse.platform.settings.environment`; only set-up reads switches of its own."""
    if name.startswith(("tests/support/", "tests/bench/")) or name.endswith("conftest.py"):
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
        ):
            yield f"{name}:{node.lineno} reads the environment"


Habit = Callable[[str, ast.Module], Iterator[str]]
HABITS: dict[Habit, tuple[str, ...]] = {
    opens_transactions: ROOMS,
    holds_more_than_its_docstring: ROOMS,
    says_nothing_by_its_name: (*ROOMS, "tests"),
    reads_the_wall_clock: ("tests",),
    reads_the_environment: ("tests",),
}


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.__name__)
def test_the_house_keeps_its_habits(habit):
    assert [fault for name, text in _python(*HABITS[habit]).items() for fault in habit(name, ast.parse(text))] == []


@pytest.mark.parametrize(
    ("habit", "name", "text"),
    [
        (opens_transactions, "tenants/lists/services.py", "from posthouse.platform.db import session, transaction"),
        (holds_more_than_its_docstring, "tenants/lists/rules.py", "x = 1"),
        (holds_more_than_its_docstring, "tenants/lists/__init__.py", '"""Lists."""\nimport os'),
        (says_nothing_by_its_name, "tenants/lists/utils.py", ""),
        (says_nothing_by_its_name, "sending/common/rules.py", ""),
        (reads_the_wall_clock, "tests/tenants/test_x.py", "datetime.now(UTC)"),
        (reads_the_wall_clock, "tests/tenants/test_x.py", "time.time()"),
        (reads_the_wall_clock, "tests/tenants/test_x.py", "time.sleep(1)"),
        (reads_the_environment, "tests/tenants/test_x.py", "os.environ['HOME']"),
        (reads_the_environment, "tests/tenants/test_x.py", "os.getenv('HOME')"),
    ],
)
def test_a_planted_fault_is_found(habit, name, text):
    assert list(habit(name, ast.parse(text)))


def test_the_list_of_openers_only_shrinks():
    """Who no longer opens a transaction leaves the list."""
    opening = {name for name, text in _python(*ROOMS).items() if "transaction(" in text}
    assert OPENERS - opening == set()
