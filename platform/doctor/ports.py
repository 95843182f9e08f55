"""Can the services listen where they should: is each port free, or held by our own process?"""

from __future__ import annotations

import errno
from collections.abc import Iterator

import psutil

from posthouse.platform.doctor.findings import Finding, Ground, fail, ok
from posthouse.platform.ports import refusal
from posthouse.platform.settings import Settings


def look(ground: Ground) -> Iterator[Finding]:
    """Try every port that a service listens on."""
    settings = ground.settings
    for service in ("web", "inbound"):
        host, port = getattr(settings, f"{service}_host"), getattr(settings, f"{service}_port")
        yield _try(settings, service, host, port)


def _try(settings: Settings, service: str, host: str, port: int) -> Finding:
    at, names = f"{service}: {host}:{port}", f"POSTHOUSE_{service.upper()}_HOST, POSTHOUSE_{service.upper()}_PORT"
    problem = refusal(host, port)
    if problem is None:
        return ok("ports", f"{at} is free")
    if problem.errno == errno.EACCES:
        return fail("ports", f"{at} needs more rights", f"Let the service bind low ports (CAP_NET_BIND_SERVICE), or change {names}.")
    if problem.errno != errno.EADDRINUSE:
        return fail("ports", f"{at} can't be had: {problem.strerror or problem}", f"Correct {names}.")
    holder = _holder(port)
    if holder is None:
        return fail("ports", f"{at} is held by a program of another account", f"Stop it, or change {names}.")
    if not _is_ours(holder, settings):
        return fail("ports", f"{at} is held by process {holder.pid} ({_name(holder)})", f"Stop it, or change {names}.")
    return ok("ports", f"{at} is held by our process {holder.pid}")


def _holder(port: int) -> psutil.Process | None:
    try:
        listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN and one.laddr.port == port]
        return next((psutil.Process(one.pid) for one in listening if one.pid), None)
    except psutil.Error:
        return None


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "unknown"


def _is_ours(process: psutil.Process, settings: Settings) -> bool:
    """Say whether a `posthouse` command of this data folder, or a child of one, is the process."""
    for one in (process, *process.parents()):
        try:
            words = one.cmdline()
            if any(word in {"posthouse", "posthouse.platform.cli"} or word.endswith("/posthouse") for word in words):
                return bool(one.environ().get("POSTHOUSE_DATA", str(settings.data)) == str(settings.data))
        except psutil.Error:
            continue
    return False
