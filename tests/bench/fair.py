"""Fairness: 200 small tenants beside a huge one in one pool, and how long a single message takes meanwhile."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import instant
import psycopg
from bench_yard import BenchYard, Customer, bench_yard, until

CONNECTIONS = 10
BIG_IS_AT_WORK = 2_000  # messages of the huge campaign that have left before the small ones start
SINGLE_EVERY_SECONDS = 0.12  # a key may call ten times a second
SLOWEST = 8  # so many are told one by one
# Tenants whose report shows as sent whatever its campaigns have written so far, none of which is still being written.
_DONE = (
    "SELECT tenant_id FROM campaign_count c WHERE facet = 'total' AND kind IN ('recipients', 'sent') AND NOT EXISTS"
    " (SELECT 1 FROM campaign o WHERE o.tenant_id = c.tenant_id AND o.started_at IS NOT NULL AND o.expanded_at IS NULL)"
    " GROUP BY tenant_id HAVING sum(count) FILTER (WHERE kind = 'sent') = sum(count) FILTER (WHERE kind = 'recipients')"
)
# When each single message was written, and when its lease was made (one message each, nearly always, and the time of its claim's begin).
_LEASED = (
    "SELECT m.recipient, extract(epoch FROM m.created_at)::float8, extract(epoch FROM l.made_at)::float8, l.worker FROM message m"
    " JOIN LATERAL (SELECT o.made_at, o.worker FROM lease o WHERE o.tenant_id = m.tenant_id AND o.stream = 'transactional'"
    " AND o.made_at <= m.settled_at ORDER BY o.made_at DESC LIMIT 1) l ON true"
    " WHERE m.stream = 'transactional' AND m.created_at > to_timestamp(%(from)s)"
)
_LETTER = "<p>Your code is 123456. It holds for ten minutes.</p>"


class Singles:
    """Sends a single message over HTTP ten times a second, until told to end."""

    def __init__(self, url: str, key: str) -> None:
        self.called: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self._url = url
        self._key = key
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def _go(self) -> None:
        while not self._over.wait(SINGLE_EVERY_SECONDS):
            self.call()

    def call(self) -> None:
        """Send one; its time begins with the call."""
        to = f"single{time.monotonic_ns()}@single.example"
        self.called[to] = time.monotonic()
        body = {"to": to, "from_address": "shop@single.example.com", "subject": "Your code", "html": _LETTER}
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/api/v1/messages", json.dumps(body).encode(), headers)
        urllib.request.urlopen(request, timeout=30).close()
        self.answered[to] = time.monotonic()


def finish_seconds(yard: BenchYard, small: list[Customer]) -> list[float]:
    """Start the small tenants' campaigns one after the other; returns how long each took from its start to its last result."""
    started: dict[int, float] = {}
    for shop in small:
        campaign = shop.draft_campaign()
        started[shop.scope.tenant] = time.monotonic()
        shop.start(campaign)
    ended: dict[int, float] = {}
    with psycopg.connect(yard.settings.database_url, autocommit=True) as live:

        def look() -> bool:
            fresh = [tenant for (tenant,) in live.execute(_DONE) if tenant in started and tenant not in ended]
            ended.update(dict.fromkeys(fresh, time.monotonic()))
            return len(ended) == len(started)

        until(look, seconds=3_600, what="the small tenants don't finish", every=0.2)
    return [ended[tenant] - since for tenant, since in started.items()]


def taken(singles: Singles, notes: Path) -> dict[str, float]:
    """Return when the server took each single message; those not taken yet are missing."""
    lines = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
    return {to: float(at) for to, at in lines if to in singles.called}


def stages(yard: BenchYard, singles: Singles, at_server: dict[str, float]) -> dict[str, list[float]]:
    """Return how long single messages took on each part of their way: to the answer, to the lease, to the server's acceptance."""
    apart = time.time() - time.monotonic()
    with psycopg.connect(yard.settings.database_url) as live:
        found = live.execute(_LEASED, {"from": min(singles.called.values()) + apart - 1}).fetchall()
    ways = [(to, made - apart, leased - apart, worker) for to, made, leased, worker in found if to in at_server]
    _tell_slowest(singles, at_server, ways)
    return {
        "answer": [singles.answered[to] - since for to, since in singles.called.items()],
        "queue": [leased - made for _, made, leased, _ in ways],
        "lease": [at_server[to] - leased for to, _, leased, _ in ways],
        "all": [at - singles.called[to] for to, at in at_server.items()],
    }


def _tell_slowest(singles: Singles, at_server: dict[str, float], ways: list[tuple[str, float, float, str]]) -> None:
    """Say of the slowest where their time went, and by which worker's process: another one than before is a shift's begin."""
    ways.sort(key=lambda one: one[2])
    first, seen = min(singles.called.values()), set[str]()
    lines = []
    for to, made, leased, worker in ways:
        fresh, called, ended = worker not in seen, singles.called[to], at_server[to]
        seen.add(worker)
        parts = f"written {(made - called) * 1000:.0f}, queue {(leased - made) * 1000:.0f}, lease {(ended - leased) * 1000:.0f} ms"
        lines.append((ended - called, f"  at {called - first:.2f} s: {parts}, by {worker}{', new' if fresh else ''}\n"))
    sys.stderr.write("slowest:\n" + "".join(line for _, line in sorted(lines, reverse=True)[:SLOWEST]))


def percentile(values: list[float], part: int) -> float:
    """Return the nearest-rank percentile."""
    return sorted(values)[max(0, -(-len(values) * part // 100) - 1)]


def serve(yard: BenchYard) -> str:
    """Start the web service; returns its address once it answers."""
    port = instant.free_port()
    yard.start("web", "web", WEB_PORT=str(port), PUBLIC_URL=f"http://127.0.0.1:{port}", ALLOW_RESERVED_DOMAINS="yes")
    instant.wait_for(port)
    return f"http://127.0.0.1:{port}"


def measure(given: argparse.Namespace) -> dict[str, object]:
    """Let the small ones send alone, then beside the huge one while single messages are sent."""
    with bench_yard(workers=2) as yard, instant.sink() as port:
        notes = yard.settings.data / "singles"
        pool_id = yard.pool(port, connections=CONNECTIONS)
        small = [yard.customer(f"small{number}", people=given.messages, pool_id=pool_id) for number in range(given.tenants)]
        big = yard.customer("big", people=given.big, pool_id=pool_id)
        with instant.sink(notes=str(notes)) as single_port, yard.senders():
            shop = yard.customer("single", people=1, pool_id=yard.pool(single_port, connections=CONNECTIONS))
            singles = Singles(serve(yard), yard.key(shop))
            for number in range(yard.settings.workers_transactional):
                yard.start(f"transactional-{number}", "worker", "--queue", "transactional")
            singles.call()
            until(lambda: taken(singles, notes), seconds=60, what="no single message leaves")
            singles.called.clear()
            singles.answered.clear()
            alone = finish_seconds(yard, small)
            campaign = big.draft_campaign()
            big.start(campaign)
            until(lambda: big.done(campaign) >= min(BIG_IS_AT_WORK, given.big // 10), seconds=120, what="the huge one does not start")
            with singles.at_work():
                beside = finish_seconds(yard, small)
            until(lambda: len(taken(singles, notes)) >= len(singles.called), seconds=60, what="a single message is missing")
            time.sleep(1)  # until the last lease is settled
            ways, left = stages(yard, singles, taken(singles, notes)), given.big - big.done(campaign)
    found = ways["all"]
    for name, values in ways.items():
        sys.stderr.write(f"{name}: " + ", ".join(f"p{part} {percentile(values, part) * 1000:.0f} ms" for part in (50, 90, 99, 100)) + "\n")
    return {
        "small_p95_alone_s": round(percentile(alone, 95), 2),
        "small_p95_beside_s": round(percentile(beside, 95), 2),
        "transactional_p99_ms": round(percentile(found, 99) * 1000),
        "transactional_p50_ms": round(percentile(found, 50) * 1000),
        "transactional_messages": len(found),
        "big_left": left,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench fair", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--tenants", type=int, default=200, help="small tenants")
    parser.add_argument("--messages", type=int, default=500, help="of each small tenant")
    parser.add_argument("--big", type=int, default=1_000_000, help="messages of the huge tenant")
    parser.add_argument("--small", action="store_true", help="20 tenants of 200 beside one of 50,000")
    given = parser.parse_args()
    if given.small:
        given.tenants, given.messages, given.big = 20, 200, 50_000
    figures = measure(given)
    sys.stdout.write(json.dumps(figures) + "\n" if given.json else "".join(f"{name}: {value}\n" for name, value in figures.items()))


if __name__ == "__main__":
    main()
