"""K1 to K17: cut at each named point of a lease's life, what became of it is exactly what the point says."""

import os
import random
import signal
from collections import Counter

import pytest
import sqlalchemy as sa
from cutting import SWEEPER, WORKER
from killing import Yard
from product import until

from posthouse.platform.db import session, transaction
from posthouse.sending.delivery import hosts, retry, sweeper

MESSAGES = 3
UNTOUCHED, LOST, ONE, ALL = {"queued": 3}, {"unknown": 1, "queued": 2}, {"sent": 1, "queued": 2}, {"sent": 3}
# After the sweep: what the messages are, and how many copies of the first one the server has taken.
EXPECTED = {
    "K1": (UNTOUCHED, 0), "K2": (UNTOUCHED, 0), "K3": (UNTOUCHED, 0), "K4": (UNTOUCHED, 0), "K5": (UNTOUCHED, 0), "K6": (UNTOUCHED, 0),
    "K7": (UNTOUCHED, 0), "K8": (UNTOUCHED, 0), "K9": (LOST, 0), "K10": (LOST, 0), "K11": (LOST, 1), "K12": (LOST, 1), "K13": (ONE, 1),
    "K14": (ALL, 1), "K15": (ALL, 1), "K16": (ALL, 1),
}  # fmt: skip


@pytest.fixture
def yard(app, world, tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "GAPS_SECONDS", (0.2,))  # also for the sweep that is made here
    made = Yard(app, world, tmp_path, random.Random(1), slow_seconds=0.001)
    try:
        made.set_up()
        yield made
    finally:
        made.clear_away()


@pytest.fixture
def mail(request, yard):
    """Three messages on the stream whose unknown ones are final, or on the one where they are sent again."""
    found = next(one for one in yard.mails if one.name == getattr(request, "param", "hold"))
    yard.add(found, MESSAGES)
    return found


def _die(yard, role, cut):
    child = yard.start(role, cut)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "it was to be cut"
    del yard.children[child]


def _states(yard, mail):
    return dict(Counter(yard.states(mail).values()))


def _swept(yard, mail):
    """Sweep as often as it takes until no lease is open: a COMMIT may have been on its way."""
    until(lambda: sweeper.sweep_folder(hosts.folder()) >= 0 and not yard.leased(), 30)
    return _states(yard, mail)


def _reserved(mail):
    with transaction(mail.scope):
        return session(mail.scope).execute(sa.text("SELECT coalesce(sum(reserved), 0) FROM tenant_quota_window")).scalar_one()


def _finish(yard, mail):
    """Let a worker that nobody cuts do the rest."""
    yard.start(mail.stream)
    until(lambda: yard.open(mail) == 0 and not yard.leased(), 30)


def _check(yard, mail, point, *, first):
    """The state after the sweep is the point's, nothing stays reserved, and in the end each message is out as often as promised."""
    expected, copies = EXPECTED[point]
    resends = mail.name == "resend" and expected is LOST
    assert _swept(yard, mail) == (UNTOUCHED if resends else expected)
    assert yard.taken()[first] == copies
    assert _reserved(mail) == 0
    yard.restart_sink(mute=False)
    _finish(yard, mail)
    lost = expected is LOST and not resends
    assert _states(yard, mail) == ({"unknown": 1, "sent": 2} if lost else ALL)
    taken = yard.taken()
    assert taken.pop(first, 0) == (copies if lost else copies + 1 if resends else 1)
    assert list(taken.values()) == [1, 1]
    assert sweeper.sweep_folder(hosts.folder()) == (1 if point == "K4" else 0), "only K4's journal waits on, for a COMMIT that can't come"


def _first(yard, mail):
    """The recipient that was on the wire or taken first; any where none was."""
    states = yard.states(mail)
    marked = [name for name, state in states.items() if state in {"unknown", "sent"}]
    taken = list(yard.taken())
    return (taken or marked or sorted(states))[0]


# The streams differ only in what they do with a message of which nobody knows.
BOTH = [(point, "hold") for point in WORKER] + [(point, "resend") for point in WORKER if EXPECTED[point.split(" ")[0]][0] in (LOST, ONE)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("point", "mail"), BOTH, indirect=["mail"])
def test_a_worker_cut_at(yard, mail, point):
    """Exactly what the point says: rolled back, queued again, unknown, or sent; and no copy too many."""
    _die(yard, mail.stream, WORKER[point])
    _swept(yard, mail)
    _check(yard, mail, point.split(" ")[0], first=_first(yard, mail))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mail", ["hold", "resend"], indirect=True)
def test_k11_a_worker_cut_after_the_final_dot(yard, mail):
    """The server has taken the message and nobody heard it say so: unknown, and at most one more copy where the stream resends."""
    yard.restart_sink(mute=True)
    child = yard.start(mail.stream)
    until(lambda: yard.taken().total() == 1, 30)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    del yard.children[child]
    _check(yard, mail, "K11", first=_first(yard, mail))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("point", list(SWEEPER))
def test_k17_a_sweeper_cut_at(yard, mail, point):
    """Wherever a sweep is cut, the next one comes to the same result."""
    _die(yard, mail.stream, WORKER["K13 reply written"])
    _die(yard, "sweeper", SWEEPER[point])
    _check(yard, mail, "K13", first=_first(yard, mail))
