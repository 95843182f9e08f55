"""Which account an embedded server runs as: ours, or, where we are root, one that is not."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

NAME = "posthouse"
LAST_RESORT = "nobody"


def choose(folder: Path) -> str | None:
    """Return the account for a server whose files lie in `folder`, or None to stay who we are.

    A folder that belongs to somebody keeps its owner. Otherwise root makes a system account once.
    """
    if os.geteuid() != 0:
        return None
    if folder.exists() and folder.stat().st_uid != 0:
        return pwd.getpwuid(folder.stat().st_uid).pw_name
    return NAME if _exists(NAME) or _made(NAME) else LAST_RESORT


def give(folder: Path, account: str | None) -> None:
    """Make `folder` private and, where another account is to run, its own. Repeatable."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if account is not None:
        entry = pwd.getpwnam(account)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def can_reach(account: str, path: Path) -> bool:
    """Say whether every folder above `path` lets the account through."""
    entry = pwd.getpwnam(account)
    return all(_passable(folder.stat(), entry) for folder in path.resolve().parents)


def _passable(found: os.stat_result, entry: pwd.struct_passwd) -> bool:
    if found.st_uid == entry.pw_uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == entry.pw_gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _made(name: str) -> bool:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return False
    command = [program, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    return _exists(name)  # another process may have been faster
