"""A campaign on its way while the product is stopped, killed, and robbed of its database and its Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
from mailrun import CONNECTIONS, mail_run
from product import fetch, make_product, until

RECIPIENTS = 1_200


@pytest.fixture
def product(tmp_path):
    made = make_product(tmp_path)
    yield made
    made.end()


@contextmanager
def busy_cores():
    """Keep every processor at work; begins when they are."""
    line = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    busy = [subprocess.Popen(line, stdout=subprocess.PIPE) for _ in range(os.cpu_count() or 1)]
    for one in busy:
        one.stdout.readline()
    yield
    for one in busy:
        one.kill()
        one.wait()
        one.stdout.close()


def _embedded(process, name):
    return [one for one in psutil.Process(process.pid).children() if one.name() == name]


@pytest.mark.timeout(240)
def test_a_stop_in_the_middle_of_a_run_is_clean_and_in_time(product):
    """K26: all ends within ten seconds on a busy machine, no message is unknown, and the next start sends exactly the rest."""
    up = product.start("up")
    with mail_run(product, recipients=RECIPIENTS) as run:
        run.until_taken(RECIPIENTS // 4)
        family = psutil.Process(up.pid).children(recursive=True)
        with busy_cores():
            began = time.monotonic()
            up.send_signal(signal.SIGTERM)
            assert up.wait(20) == 0
            assert time.monotonic() - began < 10
        assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        killed = [line for line in (product.folder / "up.log").read_text().splitlines() if "process.killed" in line]
        assert not [line for line in killed if '"worker-marketing' in line or '"worker-transactional' in line], (
            "who sends has come to its end"
        )
        assert run.taken().total() < RECIPIENTS
        product.start("up")
        assert run.until_settled() == {"sent": RECIPIENTS}
        assert run.taken().total() == len(run.taken()) == RECIPIENTS


@pytest.mark.timeout(300)
def test_a_run_outlives_the_kill_of_everything(product):
    """Database, Redis and at last the whole product are killed in the middle; every message has one outcome, none is lost."""
    up = product.start("up")
    with mail_run(product, recipients=RECIPIENTS) as run:
        for name, share in (("postgres", 0.2), ("redis-server", 0.4)):
            run.until_taken(int(RECIPIENTS * share))
            (victim,) = _embedded(up, name)
            victim.kill()
            until(lambda name=name, pid=victim.pid: [one for one in _embedded(up, name) if one.pid != pid])
        run.until_taken(int(RECIPIENTS * 0.6))
        family = psutil.Process(up.pid).children(recursive=True)
        up.kill()
        up.wait()
        _, living = psutil.wait_procs(family, timeout=10)
        assert living == []
        product.start("up")
        until(lambda: fetch(product.url + "/sign-in"))
        totals = run.until_settled()
        taken = run.taken()
        assert set(totals) <= {"sent", "unknown"}
        # The product was killed once with messages on the wire; what was on it is unknown, at most one a connection.
        assert totals.get("unknown", 0) <= CONNECTIONS
        assert taken.total() == len(taken), "nobody gets it twice"
        assert totals["sent"] <= len(taken) <= RECIPIENTS
