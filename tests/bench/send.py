"""Sending, everything included: claim, render, sign, SMTP, results in PostgreSQL; against OpenSSL's and smtp-source's rates.

The largest of the series, ten times the others, is let go on for as many messages as those have, and then stopped: its cost is
known by then, and the whole takes minutes instead of a quarter of an hour. With `--whole` it goes on to its last letter, and the pace
of its last tenth stands beside that of all: were anything quadratic, it would be slower.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import mean

import instant
import sqlalchemy as sa
from bench_yard import FIELDS, BenchYard, Customer, MemoryWatch, bench_yard, cpu_seconds, until
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.sending.campaigns import composers
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.content.cards import MessageCard

CONNECTIONS = 10
DELAY_MS = 20
WARM_UP = 1_000
OTHER_TENANTS = 1_000
MESSAGES_OF_OTHERS = 100
SIGNS = 10_000
_OTHERS = sa.text(
    "INSERT INTO message (tenant_id, revision_id, recipient, email_norm, domain, stream, state, not_before, created_at, settled_at)"
    " SELECT :tenant, 1, 'p' || n || '@x.example', 'p' || n || '@x.example', 'x.example', 'marketing', 'sent', now(), now(), now()"
    " FROM generate_series(1, CAST(:count AS integer)) AS n"
)


@dataclass
class Run:
    """What one campaign showed. Rates are between the first and the last result in PostgreSQL."""

    recipients: int
    per_s: float
    first_message_s: float
    worker_us: float
    postgres_us: float
    worker_rss_mb: float
    letter_bytes: int
    last_tenth_per_s: float

    @property
    def per_cpu_s(self) -> float:
        return 1e6 / self.worker_us


def run(yard: BenchYard, name: str, *, recipients: int, port: int, sign: bool = True, most: int | None = None) -> Run:
    """Send one campaign with fresh workers that have warmed up on a small one; stop it after `most` messages."""
    awaited = min(recipients, most or recipients)
    pool_id = yard.pool(port, connections=CONNECTIONS)
    warm = yard.customer(f"warm-{name}", people=WARM_UP, pool_id=pool_id)
    shop = yard.customer(name, people=recipients, pool_id=pool_id)
    with yard.senders(SIGN_MAIL="yes" if sign else "no") as senders, MemoryWatch(senders) as memory:
        _send(warm, awaited=WARM_UP)
        workers, database = cpu_seconds(senders), cpu_seconds([yard.postgres_pid])
        sent = _send(shop, awaited=awaited, rest=awaited < recipients)
        workers, database = cpu_seconds(senders) - workers, cpu_seconds([yard.postgres_pid]) - database
    each = 1e6 / sent.messages
    made = Run(
        recipients, sent.per_s, sent.first_s, workers * each, database * each, memory.most_mb, letter_bytes(shop), sent.last_tenth_per_s
    )
    sys.stderr.write(f"{name}: {made}\n")
    return made


@dataclass(frozen=True)
class Sent:
    """Seconds from the start to the first results, messages a second from there on and in the last tenth, and all messages."""

    first_s: float
    per_s: float
    messages: int
    last_tenth_per_s: float


def _send(shop: Customer, *, awaited: int, rest: bool = False) -> Sent:
    """Start a campaign and wait until so many are sent; where there is a rest, stop it."""
    campaign = shop.draft_campaign()
    began = time.monotonic()
    shop.start(campaign)
    until(lambda: shop.done(campaign), seconds=60, what="nothing was sent")
    at_first, first = shop.done(campaign), time.monotonic()
    ends = {"seconds": 60 + awaited / 100, "what": "the campaign does not end", "every": 0.05}
    until(lambda: shop.done(campaign) >= awaited * 0.9, **ends)
    at_last, last = shop.done(campaign), time.monotonic()
    until(lambda: shop.done(campaign) >= awaited, **ends)
    done, end = shop.done(campaign), time.monotonic()
    if rest:
        with transaction(shop.scope):
            campaigns.stop(shop.scope, campaign_id=campaign)
    return Sent(first - began, (done - at_first) / (end - first), done, (done - at_last) / (end - last))


def openssl_signs_per_s(at_once: int) -> float:
    """Return how often `cryptography` signs with RSA-2048 in one CPU second, in as many processes at once as there are workers.

    Two hardware threads of one core share what a signature needs: alone, one would sign faster than a worker ever can.
    """
    with get_context("spawn").Pool(at_once) as pool:
        return mean(pool.map(_signs_per_s, range(at_once), chunksize=1))


def _signs_per_s(_number: int) -> float:
    key, data = rsa.generate_private_key(65537, 2048), b"x" * 1_200
    padding, digest = PKCS1v15(), SHA256()
    began = time.process_time()
    for _ in range(SIGNS):
        key.sign(data, padding, digest)
    return SIGNS / (time.process_time() - began)


def letter_bytes(shop: Customer) -> int:
    """Return what one message of the letter weighs."""
    card = MessageCard(message_id=1, recipient="person1@big1.example", at=clock.now(), fields=dict.fromkeys(FIELDS, "Jörg"))
    with transaction(shop.scope) as live:
        revision = live.execute(sa.text("SELECT max(id) FROM campaign_revision WHERE tenant_id = :tenant"), {"tenant": shop.scope.tenant})
        return composers.load(shop.scope, int(revision.scalar_one())).compose(card).size


def add_others(yard: BenchYard, count: int) -> None:
    """Fill the database with other tenants that have sent before."""
    for number in range(count):
        scope = yard.tenant(f"other {number}")
        with transaction(scope):
            session(scope).execute(_OTHERS, {"tenant": scope.tenant, "count": MESSAGES_OF_OTHERS})


def measure(given: argparse.Namespace) -> dict[str, object]:
    """Do all measurements in one run."""
    most = given.recipients
    with bench_yard(workers=given.workers) as yard:
        add_others(yard, given.tenants)
        before = openssl_signs_per_s(given.workers)
        with instant.sink() as port:
            signed = run(yard, "signed", recipients=most, port=port)
            signs = (before + openssl_signs_per_s(given.workers)) / 2
            source = [_source(port, given, signed.letter_bytes)]
            unsigned = run(yard, "unsigned", recipients=most, port=port, sign=False)
            source.append(_source(port, given, signed.letter_bytes))
            series = (most // 10, most * 10) if given.sizes else ()
            bound = None if given.whole else most
            sizes = [run(yard, f"size-{size}", recipients=size, port=port, sign=False, most=bound) for size in series]
        with instant.sink(delay_ms=DELAY_MS) as port:
            latency = run(yard, "latency", recipients=min(most, 10_000), port=port)
    by_size = sorted([*sizes, unsigned], key=lambda one: one.recipients)
    return {
        "signed_per_cpu_s": round(signed.per_cpu_s),
        "openssl_signs_per_s": round(signs),
        "signed_ratio": round(signed.per_cpu_s / signs, 3),
        "unsigned_per_s": round(unsigned.per_s),
        "smtp_source_per_s": round(sum(source) / len(source)),
        "unsigned_ratio": round(unsigned.per_s * len(source) / sum(source), 3),
        "latency20_per_s": round(latency.per_s),
        "first_message_s": round(by_size[-1].first_message_s, 2),
        "worker_rss_mb": round(max(one.worker_rss_mb for one in (signed, latency, *by_size))),
        "by_size": [_size(one, whole=given.whole) for one in by_size],
    }


def _size(one: Run, *, whole: bool) -> dict[str, int]:
    found = {"recipients": one.recipients, "per_s": round(one.per_s)}
    return found | {"last_tenth_per_s": round(one.last_tenth_per_s)} if whole else found


def _source(port: int, given: argparse.Namespace, size: int) -> float:
    return instant.source_per_s(port, messages=min(20_000, given.recipients), size=size, sessions=CONNECTIONS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench send", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--recipients", type=int, default=100_000, help="of the campaigns; the series goes from a tenth of it to ten times")
    parser.add_argument("--tenants", type=int, default=OTHER_TENANTS, help="others in the database")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the lane")
    parser.add_argument("--no-sizes", dest="sizes", action="store_false", help="leave the series out")
    parser.add_argument(
        "--whole", action="store_true", help="let the largest of the series end: a million letters take some 15 minutes more"
    )
    given = parser.parse_args()
    for name in ("smtp-sink", "smtp-source"):
        sys.stderr.write(f"{name}: {instant.program(name) or 'not installed, our own stands in for it'}\n")
    figures = measure(given)
    sys.stdout.write(json.dumps(figures) + "\n" if given.json else "".join(f"{name}: {value}\n" for name, value in figures.items()))


if __name__ == "__main__":
    main()
