"""Has this machine room on its disk, and does its clock agree with those it works with?"""

from __future__ import annotations

import os
import shutil
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from posthouse.platform import clock
from posthouse.platform.doctor import database, doorbell
from posthouse.platform.doctor.findings import Finding, Ground, fail, ok, reason, warn

# Leases and claims are compared across machines and last a minute; signed webhooks are refused after five.
WARN_SECONDS = 2.0
FAIL_SECONDS = 15.0
PATIENCE_SECONDS = 5
FEWEST_FILES = 10_000


def disk(ground: Ground) -> Iterator[Finding]:
    """Measure the room under the data folder, or under what will hold it."""
    data, needed = ground.settings.data, ground.settings.free_disk_bytes
    at = next(folder for folder in (data, *data.parents) if folder.exists())
    if not os.access(at, os.W_OK | os.X_OK):
        yield fail("disk", f"{at} can't be written to", "Give the folder to the account that Posthouse runs as, or set POSTHOUSE_DATA.")
        return
    yield _room(at, shutil.disk_usage(at).free, needed)
    files = os.statvfs(at)
    if files.f_files and files.f_favail < FEWEST_FILES:
        yield fail("disk", f"only {files.f_favail} more files fit at {at}", "Remove small files, or make a file system with more inodes.")


def _room(at: Path, free: int, needed: int) -> Finding:
    says = f"{free // 1024**2} MiB are free at {at}"
    do = "Make room or enlarge the disk: without room no mail is taken in, and what must be journalled is not sent."
    if free < needed:
        return fail("disk", f"{says}, less than POSTHOUSE_FREE_DISK_BYTES ({needed // 1024**2} MiB)", do)
    if free < 2 * needed:
        return warn("disk", f"{says}, less than twice POSTHOUSE_FREE_DISK_BYTES ({needed // 1024**2} MiB)", do)
    return ok("disk", says)


def clocks(ground: Ground, *, web: str = "") -> Iterator[Finding]:
    """Compare this machine's clock with the database's, Redis's, and, only if an address is given, a web server's."""
    if ground.settings.database_url:
        try:
            with database.connected(ground.settings.database_url) as connection:
                yield _compare("the database's", connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one())
        except SQLAlchemyError:
            pass  # said by the check of the database
    if ground.settings.redis_url:
        try:
            with doorbell.connected(ground.settings.redis_url) as client:
                seconds, micros = client.time()
                yield _compare("Redis's", datetime.fromtimestamp(seconds + micros / 1e6, UTC))
        except (RedisError, OSError, ValueError):
            pass  # said by the check of Redis
    if web:
        yield _against_web(web)


def _against_web(url: str) -> Finding:
    if not url.startswith(("http://", "https://")):
        return fail("clock", f"{url} is no web address", "Give --clock an address that begins with http:// or https://.")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            return _compare(f"{url}'s", parsedate_to_datetime(answer.headers["Date"]))
    except (OSError, ValueError, TypeError) as problem:
        return warn("clock", f"{url} tells no time: {reason(problem)}", "Give --clock the address of another web server.")


def _compare(whose: str, theirs: datetime) -> Finding:
    apart = abs((clock.now() - theirs).total_seconds())
    says = f"{apart:.1f} s apart from {whose} clock"
    do = "Let both machines take their time from NTP (chrony or systemd-timesyncd)."
    if apart > FAIL_SECONDS:
        return fail("clock", says, do)
    return warn("clock", says, do) if apart > WARN_SECONDS else ok("clock", says)
