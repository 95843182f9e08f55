"""Becomes another program: as another account, ended with its parent, able to pass folders that are closed to that account.

Run by path in an isolated interpreter, since a program that has threads must not run code between fork and exec. PostgreSQL
refuses to run as root; root's home folder is closed to everybody else. On Linux the account therefore keeps the one
capability to search and read (ambient, so that it outlives exec), and only if the caller found that it is needed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Parse the arguments, change what is asked for, and become the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--account", help="name of the account to become; only root can")
    parser.add_argument("--pass-closed-folders", action="store_true")
    parser.add_argument("--parent", type=int, required=True, help="process with which this one ends")
    parser.add_argument("--signal", type=int, default=signal.SIGTERM, help="signal that ends it")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if asked.account:
        _become(asked.account, keep=asked.pass_closed_folders)
    _end_with(asked.parent, asked.signal)
    command = asked.command[1:] if asked.command[:1] == ["--"] else asked.command
    os.execv(command[0], command)  # noqa: S606


def _become(account: str, *, keep: bool) -> None:
    entry = pwd.getpwnam(account)
    if keep:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if keep:
        _keep_search()


def _keep_search() -> None:
    """Keep the right to search and read closed folders; containers often have only the wider one."""
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if _raise_ambient(capability):
            return
    sys.exit("this container lets no other account pass the folders on the way to the data folder: choose an open one")


def _raise_ambient(capability: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    mask = 1 << capability
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable; low word, then high word
    if libc.capset(header, sets) != 0:
        return False
    return int(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)) == 0


def _end_with(parent: int, number: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    _prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    main()
