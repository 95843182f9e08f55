"""Finds the services to look at: the named ones, the running embedded ones, or those of a data folder, started for the look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from posthouse.platform.doctor.findings import Finding, Ground, fail, ok
from posthouse.platform.embedded import postgres, redis
from posthouse.platform.embedded.places import CannotStart, is_held
from posthouse.platform.embedded.server import Running
from posthouse.platform.secrets import Keyring, load_keyring
from posthouse.platform.settings import Settings, WrongSetting


@contextmanager
def prepared(settings: Settings, sealed: Sequence[str]) -> Iterator[tuple[Ground, list[Finding]]]:
    """Give what there is to look at, and what was found on the way. What is started here is stopped at the end."""
    settings = replace(settings, data=settings.data.absolute())
    said: list[Finding] = []
    with ExitStack() as stack:
        if not settings.database_url:
            address = _embedded(stack, said, "postgres", settings.data, _start_postgres, postgres.url)
            settings = replace(settings, database_url=address)
        if not settings.redis_url:
            address = _embedded(stack, said, "redis", settings.data, _start_redis, redis.url)
            settings = replace(settings, redis_url=address)
        yield Ground(settings, _keyring(settings), sealed), said


def _embedded(
    stack: ExitStack, said: list[Finding], service: str, data: Path, start: Callable[[Path], Running], url: Callable[[Path], str]
) -> str:
    if not (data / service).exists():
        said.append(ok(service, f"no embedded {service} in {data} yet; `posthouse up` makes it"))
        return ""
    if is_held(data, service):
        said.append(ok(service, f"embedded in {data}, running"))
        return url(data)
    try:
        running = start(data)
    except CannotStart as problem:
        said.append(fail(service, str(problem), "Mend what it says; `posthouse up` starts the same server."))
        return ""
    stack.callback(running.stop)
    said.append(ok(service, f"embedded in {data}, not running; started for this look and stopped after it"))
    return running.url


def _start_postgres(data: Path) -> Running:
    return postgres.start(data, durable=True)


def _start_redis(data: Path) -> Running:
    return redis.start(data, durable=True)


def _keyring(settings: Settings) -> Keyring | None:
    try:
        return load_keyring(settings)
    except (WrongSetting, OSError):
        return None  # the check of the keys says why
