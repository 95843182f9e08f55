"""Simulated schedules: every order of events that a seed draws ends with each message's one outcome and a ledger that is exact.

`POSTHOUSE_TEST_SCHEDULES` plays so many instead of 20,000, and `POSTHOUSE_TEST_SEED` begins elsewhere.
"""

import os
import tempfile
from pathlib import Path

import pytest
import sim_house

from posthouse.platform.settings import environment
from posthouse.sending.delivery import conversation, desk, journal, records

SCHEDULES = int(environment().get("POSTHOUSE_TEST_SCHEDULES", "0")) or 20_000
FIRST = int(environment().get("POSTHOUSE_TEST_SEED", "0")) or 1
PARTS = 4


def _memory():
    """Return a file system in memory where there is one: nothing here has to outlive a power cut."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.mark.timeout(max(300, SCHEDULES // PARTS // 40))
@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_loses_repeats_or_overdraws(part):
    """Kills, cut wires, refusals, lost answers, lost COMMITs and late ones, in any order, on real conversations and journals."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        for seed in range(FIRST + part, FIRST + SCHEDULES, PARTS):
            place = Path(folder) / str(seed)
            place.mkdir()
            assert sim_house.play(seed, place) == [], f"seed {seed}"
            place.rmdir()


def _first_fault(folder, most=1_500):
    for seed in range(1, most):
        place = folder / str(seed)
        place.mkdir()
        if found := sim_house.play(seed, place):
            return found
    return []


def _forgets_rset(monkeypatch):
    begin = conversation._Conversation.__init__

    def forgetful(self, channel, feed, most):
        channel.unfinished = False
        begin(self, channel, feed, most)

    monkeypatch.setattr(conversation._Conversation, "__init__", forgetful)


def _notes_no_intent(monkeypatch):
    monkeypatch.setattr(journal.Journal, "intend", lambda *_: None)


def _takes_the_lost_for_unsent(monkeypatch):
    monkeypatch.setattr(desk.Consignment, "lose", lambda self, letter, why: self.give_back(letter, why, tried=True))


def _takes_from_the_living(monkeypatch):
    def read(path):
        descriptor = os.open(path, os.O_RDWR)
        tenant, lease = map(int, path.name.split("-"))
        return journal.Abandoned(
            journal.Journal(path, descriptor), records.parse(journal._read_all(descriptor), tenant_id=tenant, lease_id=lease)
        )

    monkeypatch.setattr(journal, "abandoned", lambda folder: [read(path) for path in folder.iterdir() if "-" in path.name])


@pytest.mark.parametrize("plant", [_forgets_rset, _notes_no_intent, _takes_the_lost_for_unsent, _takes_from_the_living])
def test_a_planted_fault_is_found(plant, monkeypatch):
    """The model can fail: each of these mistakes is found within 1,500 schedules."""
    plant(monkeypatch)
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        assert _first_fault(Path(folder))
