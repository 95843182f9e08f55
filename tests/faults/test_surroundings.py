"""K18 to K24: a stopped process, a lost host, Redis and PostgreSQL in trouble, a journal that can't be written."""

import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import psutil
import psycopg
import pytest
import redis
import sqlalchemy as sa
from killing import Yard
from product import until
from services import services
from structlog.testing import capture_logs

from posthouse.platform import clock, logs
from posthouse.platform.app import create_core
from posthouse.platform.db import db, transaction
from posthouse.platform.scope import system
from posthouse.sending.delivery import claiming, hosts, lane, retry, sweeper

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def yard(app, world, tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "GAPS_SECONDS", (0.2,))
    made = Yard(app, world, tmp_path, random.Random(1), slow_seconds=0.01)
    try:
        made.set_up()
        yield made
    finally:
        made.clear_away()


@pytest.fixture
def hold(yard):
    return yard.mails[0]


@pytest.fixture
def look_for_lost(settings, monkeypatch):
    """Do what the scheduler does each minute about leases that are overdue, so many seconds from now; returns what it logged.

    `listened`: so many seconds have really passed; the rest is a clock that was set.
    """
    core = create_core(settings, process="scheduler")
    runs = clock.monotonic

    def look(seconds, *, listened=0.0):
        monkeypatch.setattr(clock, "monotonic", lambda: runs() + listened)
        with core.app_context(), clock.frozen(clock.now()) as at, capture_logs() as logged:
            at.move(seconds=seconds)
            given_up = sweeper.give_up_lost(system("test"))
            for engine in db.engines.values():
                engine.dispose()
        return given_up, [line["event"] for line in logged if line["event"].startswith("lease.")]

    return look


def _states(yard, mail):
    return dict(Counter(yard.states(mail).values()))


def _all_sent_once(yard, mail, count):
    until(lambda: yard.open(mail) == 0 and not yard.leased(), 60)
    assert _states(yard, mail) == {"sent": count}
    assert Counter(yard.taken().values()) == {1: count}


def _short_leases():
    lane.WORK_SECONDS = 1
    claiming.UNTIL = timedelta(seconds=1)


def test_k18_a_stopped_process_keeps_its_lease_and_sends_nothing_when_it_wakes(yard, hold, look_for_lost):
    """SIGSTOP in the middle: nobody takes its messages, an alarm is raised, and on waking it settles without another body."""
    yard.restart_sink(mute=False)
    yard.add(hold, 60)
    child = yard.start("marketing", _short_leases)
    until(lambda: yard.taken().total() >= 5, 30)
    os.kill(child, signal.SIGSTOP)
    stopped_at = clock.monotonic()
    assert sweeper.sweep_folder(hosts.folder()) == 0, "its lock is held"
    assert look_for_lost(600 + 300) == (0, ["lease.overdue"])
    until(lambda: clock.monotonic() > stopped_at + 1.5, 10)
    before = yard.taken().total()
    os.kill(child, signal.SIGCONT)
    until(lambda: yard.open(hold) == 0 and not yard.leased(), 60)
    assert before < 60
    _all_sent_once(yard, hold, 60)


def test_k18_a_host_that_was_cut_off_files_its_outcomes_late(yard, hold, app, look_for_lost, monkeypatch):
    """Given up as unknown by the others, it finds its lease closed, changes nothing, and says how much it had sent."""
    yard.add(hold, 3)
    scope = system("test")
    with transaction(scope):
        hosts.note_seen(scope, "elsewhere")
    place = replace(claiming.Place(yard.folder, "elsewhere", "1"))
    claimed = claiming.claim(hold.scope, stream="marketing", place=place)
    assert look_for_lost(60 + 90 + 1) == (0, ["lease.overdue"]), "not before its time, and it may come back"
    assert look_for_lost(86_400) == (0, ["lease.overdue"]), "a clock that was set makes nobody silent"
    assert look_for_lost(600 + 90 + 1, listened=601) == (1, ["lease.lost"])
    monkeypatch.undo()
    assert _states(yard, hold) == {"unknown": 3}
    worker = lane.LaneWorker(app, "marketing", clock.monotonic())
    consignment = lane.Consignment(claimed, {}, work_until=clock.monotonic())
    consignment.release()
    with capture_logs() as logged:
        lane.asyncio.run(worker._settle(consignment))
    assert [line["event"] for line in logged if line["event"].startswith("lane.")] == ["lane.settled_late"]
    assert _states(yard, hold) == {"unknown": 3}


@pytest.mark.parametrize("trouble", ["FLUSHALL", "read-only", "out of memory", "five seconds of silence"])
def test_k20_redis_in_trouble_costs_nobody_a_message(yard, hold, trouble):
    """Bells get lost, nothing else: every message leaves once."""
    yard.add(hold, 150)
    for role in ("marketing", "scheduler"):
        yard.start(role)
    until(lambda: yard.taken().total() >= 20, 30)
    with redis.Redis.from_url(services().redis_url) as live:
        for command in _COMMANDS[trouble][0]:
            live.execute_command(*command)
        yard.add(hold, 50)
        _all_sent_once(yard, hold, 200)
        for command in _COMMANDS[trouble][1]:
            live.execute_command(*command)


_COMMANDS = {
    "FLUSHALL": ([("FLUSHALL",)], []),
    "read-only": ([("REPLICAOF", "127.0.0.1", "1")], [("REPLICAOF", "NO", "ONE")]),
    "out of memory": ([("CONFIG", "SET", "maxmemory", "1")], [("CONFIG", "SET", "maxmemory", "0")]),
    "five seconds of silence": ([("CLIENT", "PAUSE", "5000")], []),
}


def _restless_clock():
    """Set this process's clock an hour forwards or back, four times a second, as a broken time service does."""
    real, rng = clock.now, random.Random(os.getpid())
    jumps = [timedelta(hours=hours) for hours in (-1, 0, 0, 1)]
    state = {"until": 0.0, "jump": timedelta(0)}

    def now():
        if clock.monotonic() >= state["until"]:
            state.update(until=clock.monotonic() + 0.25, jump=rng.choice(jumps))
        return real() + state["jump"]

    clock.now = now


@pytest.mark.parametrize("who", ["marketing", "scheduler", "everybody"])
def test_k25_a_clock_that_jumps_costs_nobody_a_message(yard, hold, who):
    """In a worker, in the scheduler, in all of them: nothing is lost, sent twice or unknown, and no more is used than was sent."""
    limited = yard.mails[1]
    yard.add(hold, 150)
    yard.add(limited, 50)
    for role in ("marketing", "marketing", "scheduler"):
        yard.start(
            role, _restless_clock if who in {role, "everybody"} and not (who == "marketing" and role in yard.children.values()) else _steady
        )
    until(lambda: yard.open(hold) + yard.open(limited) == 0 and not yard.leased(), 90)
    assert (_states(yard, hold), _states(yard, limited)) == ({"sent": 150}, {"sent": 50})
    assert set(yard.taken().values()) == {1}
    with transaction(limited.scope) as live:
        window = live.execute(sa.text("SELECT sum(used), sum(reserved) FROM tenant_quota_window WHERE period = 'month'")).one()
    assert tuple(window) == (50, 0)


def _steady():
    """Leave the clock alone."""


def _servers():
    """The processes of PostgreSQL."""
    main = psutil.Process(services().database_server.pid)
    return [main, *main.children(recursive=True)]


def _stop_at_once(yard):
    yard._forget_connections()
    services().database_server._process.send_signal(signal.SIGQUIT)
    services().database_server.revive()


def _restart_often(yard):
    for _ in range(3):
        _stop_at_once(yard)


def _cut_everybody_off(_yard):
    """Cut each connection in whatever state it is, 20 times."""
    with psycopg.connect(services().admin_url, autocommit=True) as live:
        for _ in range(20):
            live.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'posthouse_%'")
            time.sleep(0.05)  # the workers come back in between


def _stall(_yard):
    frozen = _servers()
    for one in frozen:
        one.suspend()
    threading.Timer(4, lambda: [one.resume() for one in frozen if one.is_running()]).start()


@pytest.mark.parametrize("trouble", [_stop_at_once, _restart_often, _cut_everybody_off, _stall])
def test_k21_postgresql_in_trouble_costs_nobody_a_message(yard, hold, trouble):
    """Claims and settlements are tried again; nothing is lost, nothing sent twice, nothing unknown, for no worker died."""
    yard.add(hold, 200)
    for role in ("marketing", "marketing", "scheduler"):
        yard.start(role)
    until(lambda: yard.taken().total() >= 20, 30)
    trouble(yard)
    _all_sent_once(yard, hold, 200)


def _small_disk():
    """Files of this process may not grow over 400 bytes: a journal takes its head and a few lines."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    logs.configure(level="error", as_json=True, process="worker")  # its file, where it goes to one, is full as well
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))


def test_k24_a_full_disk_stops_the_lease_before_the_next_body(yard, hold):
    """What can't be written down doesn't leave; what left is known all the same, and another worker does the rest."""
    yard.add(hold, 20)
    child = yard.start("marketing", _small_disk)
    until(lambda: yard.taken().total() >= 2, 30)
    until(lambda: not yard.leased() or yard.taken().total() == 20, 90)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    del yard.children[child]
    yard.start("marketing")
    yard.start("scheduler")
    until(lambda: yard.open(hold) == 0 and not yard.leased(), 60)
    states = _states(yard, hold)
    assert set(states) <= {"sent", "unknown"}
    assert states.get("unknown", 0) <= 2, "at most one for each connection of the worker that was killed"
    assert max(yard.taken().values()) == 1
    with transaction(hold.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM lease")).scalar_one() > 1, "a lease was given back"


def test_k24_a_journal_that_is_deleted_under_its_holder(yard, hold):
    """The holder knows all the same and settles; where the holder dies too, the whole lease is unknown and nothing is repeated."""
    yard.add(hold, 40)
    child = yard.start("marketing", _short_leases)
    until(lambda: yard.taken().total() >= 3, 30)
    for path in hosts.folder().glob("*-[0-9]*"):
        path.unlink()
    _all_sent_once(yard, hold, 40)
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
