"""The running product of a demonstration: embedded services, all processes, the mailboxes and the stand-in for Stripe."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

from posthouse.platform import clock
from posthouse.platform.embedded.server import Running
from posthouse.platform.migrate import migrate
from posthouse.platform.nursery import Nursery
from posthouse.platform.secrets import ensure_key_file, load_keyring
from posthouse.platform.settings import Settings
from posthouse.platform.up import embedded_services, supervisor
from posthouse.webui.demo.certificate import write_certificate

_T = TypeVar("_T")
LOOK_EVERY_SECONDS = 0.2
ANSWER_SECONDS = 10.0


class DemoFailed(Exception):
    """Something did not happen in time; the text says what."""


@contextmanager
def services(settings: Settings) -> Iterator[tuple[Settings, list[Running]]]:
    """Run database and Redis, migrated, while the block runs; gives the settings with their addresses, and the servers."""
    ensure_key_file(settings)
    write_certificate(Path(settings.submission_certificate))
    with embedded_services(settings) as (ready, running):
        migrate(ready.database_url, load_keyring(ready))
        yield ready, running


@contextmanager
def processes(settings: Settings, running: Sequence[Running], nursery: Nursery | None) -> Iterator[None]:
    """Keep the product's processes and servers, the simulator and the Stripe double while the block runs; returns when they answer."""
    kept = supervisor(settings, running, nursery)
    kept.logs = settings.data / "log"
    kept.keep("simulator", "simulator")
    kept.keep("stripe-double", "stripe-double", "--port", settings.stripe_api.rpartition(":")[2])
    over = threading.Event()
    thread = threading.Thread(target=kept.run, args=(over.is_set,), name="supervisor")
    thread.start()
    try:
        until("the web service answers", lambda: _answers(f"{settings.public_url}/sign-in"))
        until("the mailboxes answer", lambda: _answers(f"http://127.0.0.1:{settings.simulator_state_port}/state"))
        until("the stand-in for Stripe answers", lambda: _answers(settings.stripe_api))
        yield
    finally:
        over.set()
        thread.join()


def until(what: str, true: Callable[[], _T | None], *, seconds: float = 60.0) -> _T:
    """Wait until something is neither None nor false, and return it. Raises: DemoFailed after that many seconds."""
    deadline = clock.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        if clock.monotonic() > deadline:
            raise DemoFailed(f"Waited {seconds:.0f} s in vain until {what}.")
        sleep(LOOK_EVERY_SECONDS)


def call(method: str, url: str, body: Any = None, *, key: str = "") -> tuple[int, Any]:
    """Send JSON and return the status and the decoded answer; a refusal is an answer too. Raises: OSError when nobody answers."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310 - addresses of our own
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode("utf-8", "replace")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - addresses of our own
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
