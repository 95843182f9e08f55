"""The kill harness's options and its figures: `./dev test -m faults --kills 10000 --seed 7`."""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
from importlib.metadata import version
from pathlib import Path

import psycopg
import pytest
import redis
from services import services

from posthouse.platform import clock

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache"
LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def kills(request):
    """How often to kill; 0 is the test's own number."""
    return request.config.getoption("--kills")


@pytest.fixture
def minutes(request):
    """After how long to stop killing, None: after the number of kills alone."""
    return request.config.getoption("--minutes") or None


@pytest.fixture
def seed(request):
    """The seed of this run. It is printed, so that a failure can be repeated."""
    chosen = request.config.getoption("--seed") or secrets.randbits(32)
    request.config.stash.setdefault(LINES, []).append(f"{request.node.name}: --seed {chosen}")
    print(f"--seed {chosen}")
    return chosen


@pytest.fixture
def figures(request, seed):
    """Print what a run found; `keep` names the folder where `./dev faults-report` finds it."""
    began, versions = clock.now(), _versions()  # what is run, not what is there when it ends

    def tell(found, *, keep=""):
        request.config.stash[LINES].append(json.dumps(found))
        print(found)
        if keep:
            folder = KEPT / keep
            folder.mkdir(parents=True, exist_ok=True)
            seconds = round((clock.now() - began).total_seconds())
            kept = {
                "at": began.strftime("%Y-%m-%d %H:%M"),
                "seed": seed,
                "seconds": seconds,
                "versions": versions,
                "load": _load(),
                **found,
            }
            (folder / f"{began:%Y%m%dT%H%M%S}-{seed}.json").write_text(json.dumps(kept, indent=1))

    return tell


def pytest_terminal_summary(terminalreporter, config):
    """Show seeds and figures whatever the verdict."""
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)


def _load():
    """How many processes wanted each processor lately: above 1 everything waits, recovery too."""
    return round(os.getloadavg()[2] / (os.cpu_count() or 1), 1)


def _versions():
    with psycopg.connect(services().admin_url) as live:
        database = live.execute("SHOW server_version").fetchone()[0]
    with redis.Redis.from_url(services().redis_url) as live:
        cache = live.info("server")["redis_version"]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip() or "unknown",
        "python": platform.python_version(),
        "postgresql": database,
        "redis": cache,
        "rq": version("rq"),
    }
