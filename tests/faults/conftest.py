"""Options of the kill harness: how many kills and which seed."""

import os

import pytest


@pytest.fixture
def kills():
    """How often to kill; 0 is the test's own number. `POSTHOUSE_TEST_KILLS` sets it."""
    return int(os.environ.get("POSTHOUSE_TEST_KILLS", "0"))


@pytest.fixture
def seed():
    """The seed of this run, printed so that a failure can be repeated. `POSTHOUSE_TEST_SEED` sets it."""
    chosen = int(os.environ.get("POSTHOUSE_TEST_SEED", "0")) or int.from_bytes(os.urandom(4))
    print(f"seed {chosen}")
    return chosen
