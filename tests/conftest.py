"""What every test may use: a fresh migrated database, Redis, an app on both, and a small world of resellers and tenants."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from databases import fresh
from flask import Flask
from memory import use_memory
from templates import compile_once
from world import World, peopled

from posthouse.platform import stopping
from posthouse.platform.app import create_core
from posthouse.platform.settings import Settings

use_memory()
compile_once()

# Files and folders that take far longer than others, the longest first.
LONG = (
    "journeys/test_access.py",
    "platform/test_up.py",
    "journeys/test_demo.py",
    "webui/api/test_schema.py",
    "journeys/test_mail_run.py",
    "sending/delivery/test_routes.py",
    "sending/delivery/test_lane.py",
    "faults/test_relay_points.py",
    "platform/doctor/test_command.py",
    "inbound/mailroom/test_process.py",
    "sending/delivery/test_rates.py",
    "faults",
    "journeys",
    "billing/subscriptions/test_jobs.py",
    "webui/webhooks/test_jobs.py",
    "webui/hooks/test_providers.py",
    "platform/test_shifts.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what the kill harness in tests/faults can be told."""
    group = parser.getgroup("faults", "kill harness")
    group.addoption("--kills", type=int, default=0, help="how often to kill; 0: each test's own number")
    group.addoption("--mails", type=int, default=0, help="how many mails to flood with; 0: the test's own number")
    group.addoption("--minutes", type=float, default=0, help="stop killing after so many minutes, however many kills that were; 0: never")
    group.addoption("--seed", type=int, default=0, help="repeat the run of this seed; 0: a new one, printed at the end")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes, the longest first, so that no processor is left with it alone at the end."""
    ranks = {Path(__file__).parent / place: rank for rank, place in enumerate(LONG)}
    items.sort(key=lambda item: min((ranks[path] for path in [item.path, *item.path.parents] if path in ranks), default=len(LONG)))


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was loaded: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _logs_of_each_test() -> Iterator[None]:
    """A test that runs a command sets up this process's logs on its own captured stream, which is closed after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _asked_of_nobody() -> Iterator[None]:
    """A test that ends a worker in this process asks the process to stop; the next one starts unasked."""
    yield
    stopping.asked.clear()


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings on a database of the test's own, with the small world in it when the test asks for that, and an emptied Redis."""
    with fresh(tmp_path, template=peopled()[0] if "world" in request.fixturenames else None) as made:
        yield made


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The core app as a command runs it: every reach has its database role."""
    made = create_core(settings, process="command")
    with made.app_context():
        yield made
        _close(made)


def _close(made: Flask) -> None:
    for engine in made.extensions["sqlalchemy"].engines.values():
        engine.dispose()


@pytest.fixture
def world(app: Flask) -> World:
    """An operator, resellers a and b, and their tenants a1, a2, b1, b2, each with an owner."""
    return peopled()[1]
