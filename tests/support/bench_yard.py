"""The running product on services of its own, as a benchmark needs it: tenants that can send, and what its processes cost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from shops import make_domain
from world import PASSWORD, operator_scope

from posthouse.platform.app import Core, create_core, house
from posthouse.platform.db import session, transaction
from posthouse.platform.embedded import postgres, redis
from posthouse.platform.migrate import migrate
from posthouse.platform.scope import ALL_PERMISSIONS, Actor, Reach, Scope
from posthouse.platform.secrets import ensure_key_file, load_keyring
from posthouse.platform.settings import Settings, environment
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.dkim.keys import DkimKey, make_rsa_key
from posthouse.sending.domains import services as domains
from posthouse.sending.pools import services as pools
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.contacts import fields
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.keys import services as keys
from posthouse.tenants.lists import services as lists
from posthouse.tenants.people import services as people
from posthouse.tenants.quotas import services as quotas

FIELDS = ("first_name", "last_name", "city", "plan", "points")
TICKS = os.sysconf("SC_CLK_TCK")
# Six of ten at one of five large providers, the rest spread over 2,000 domains.
_CONTACTS = sa.text(
    "INSERT INTO contact (tenant_id, email, email_norm, domain, fields, source, created_at, updated_at)"
    " SELECT :tenant, k.email, k.email, k.domain, jsonb_build_object('first_name', 'Jörg' || n, 'last_name', 'Müller', 'city', 'Köln',"
    " 'plan', 'pro', 'points', n::text), 'bench', now(), now()"
    " FROM (SELECT n, d.domain, 'person' || n || '@' || d.domain AS email FROM generate_series(1, CAST(:count AS integer)) AS n,"
    " LATERAL (SELECT CASE WHEN n % 10 < 6 THEN 'big' || n % 5 || '.example' ELSE 'd' || n % 2000 || '.example' END AS domain) AS d) AS k"
)
_SUBSCRIBED = sa.text(
    "INSERT INTO subscription (tenant_id, list_id, contact_id, state, source, created_at, changed_at)"
    " SELECT tenant_id, :list, id, 'subscribed', 'bench', now(), now() FROM contact WHERE tenant_id = :tenant ORDER BY id"
)
_DONE = sa.text(
    "SELECT coalesce(sum(count), 0) FROM campaign_count WHERE tenant_id = :tenant AND campaign_id = :campaign AND facet = 'total'"
    " AND kind = :kind"
)


def letter() -> str:
    """Return an HTML letter of 15 KB with 10 tracked links and 5 personal fields."""
    greeting = (
        "<p>Hi {{ first_name | default: 'friend' }} {{ last_name }} in {{ city }}, {{ plan | upcase }}, you have {{ points }} points.</p>"
    )
    words = "Grüße aus dem Norden: " + "tea in many words, " * 5
    style = "font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:21px;color:#223344;padding:12px 24px;border-bottom:1px solid #ddeeff"
    cell = f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="left" valign="top" style="{style}">'
    paragraphs = [f'{cell}<p style="{style}">{words}</p></td></tr></table>\n' for _ in range(24)]
    for number in range(10):
        paragraphs.insert(2 + 2 * number, f'<p><a href="https://shop.example.org/tea/{number}?from=mail">Tea {number}</a></p>\n')
    footer = '<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    return f"<html><body>{greeting}{''.join(paragraphs)}{footer}</body></html>"


@dataclass(frozen=True)
class Customer:
    """A tenant that can send to its list."""

    scope: Scope
    list_id: int
    domain_id: int

    def draft_campaign(self) -> int:
        """Make a campaign to the whole list; returns its id."""
        draft = campaigns.Draft(
            name="News", list_id=self.list_id, domain_id=self.domain_id, from_name="Tea", from_local="news", subject="Tea for {{ first_name }}", html=letter(),
        )  # fmt: skip
        with transaction(self.scope):
            return campaigns.create_campaign(self.scope, draft).id

    def start(self, campaign_id: int) -> None:
        """Click on start."""
        with transaction(self.scope):
            campaigns.start(self.scope, campaign_id=campaign_id)

    def done(self, campaign_id: int, kind: str = "sent") -> int:
        """Return how many messages of a campaign the report shows as sent."""
        values = {"tenant": self.scope.tenant, "campaign": campaign_id, "kind": kind}
        with transaction(self.scope):
            return int(session(self.scope).execute(_DONE, values).scalar_one())


@dataclass
class BenchYard:
    """The services, the app of this process, one reseller, and the product's processes by name."""

    settings: Settings
    app: Core
    postgres_pid: int
    reseller: Scope
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str, **settings: str) -> None:
        """Start a command of the product."""
        given = {"DATA": str(self.settings.data), "DATABASE_URL": self.settings.database_url, "REDIS_URL": self.settings.redis_url}
        given |= {"WORKERS_MARKETING": str(self.settings.workers_marketing), "LOG_LEVEL": "warning", **settings}
        with (self.settings.data / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "posthouse.platform.cli", *command],
                env={**environment(), **{f"POSTHOUSE_{key}": value for key, value in given.items()}},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, *names: str) -> None:
        """End processes in good order."""
        for name in names:
            self.processes[name].terminate()
        for name in names:
            self.processes.pop(name).wait(60)

    @contextmanager
    def senders(self, **settings: str) -> Iterator[list[int]]:
        """Run the workers of the marketing lane, one a processor; gives their process ids."""
        names = [f"marketing-{number}" for number in range(self.settings.workers_marketing)]
        for name in names:
            self.start(name, "worker", "--queue", "marketing", **settings)
        try:
            yield [self.processes[name].pid for name in names]
        finally:
            self.stop(*names)

    def pool(self, port: int, *, connections: int) -> int:
        """Make a pool with one route to a sink and grant it to the reseller; returns its id."""
        operator = operator_scope()
        with transaction(operator):
            pool_id = pools.create_pool(operator, name=f"pool-{port}-{time.monotonic_ns()}")
            pools.add_route(
                operator, pool_id=pool_id, name="sink", host="127.0.0.1", port=port, tls="none", max_connections=connections, messages_per_connection=1_000_000,
            )  # fmt: skip
            for stream in pools.STREAMS:
                pools.grant_pool(operator, pool_id=pool_id, reseller_id=self.reseller.reseller, stream=stream)
        return pool_id

    def tenant(self, name: str) -> Scope:
        """Open a tenant without anything."""
        with transaction(self.reseller):
            tenant_id = accounts.open_tenant(self.reseller, name=name)
        scope = replace(self.reseller, reach=Reach.TENANT, tenant_id=tenant_id)
        with transaction(scope):
            accounts.set_up_profile(scope, legal_name=name, postal_address="1 Tea Street\n12345 Town")
        return scope

    def key(self, shop: Customer) -> str:
        """Make an API key of a tenant."""
        wanted = [name for name, one in house().permissions.items() if one.reach == "tenant" and "owner" in one.roles]
        with transaction(shop.scope):
            owner = people.add_member(shop.scope, email="owner@example.com", name="Owner", role="owner", password=PASSWORD)
        person = replace(shop.scope, actor=Actor("user", owner, "owner@example.com"))
        # Only the web service may write keys.
        with create_core(self.settings, process="web").app_context(), transaction(person):
            return keys.issue(person, name="Program", permissions=wanted, registry=house().permissions)[1]

    def customer(self, name: str, *, people: int, pool_id: int) -> Customer:
        """Open a tenant with a list of so many contacts, a verified domain, its pool, and limits that don't bind."""
        scope = self.tenant(name)
        domain = make_domain(scope, f"{name}.example.com")
        with transaction(scope) as live:
            for key in FIELDS:
                fields.create_field(scope, key=key, label=key, kind=FieldKind.TEXT)
            made = lists.create_list(scope, name="Everybody")
            live.execute(_CONTACTS, {"tenant": scope.tenant, "count": people})
            live.execute(_SUBSCRIBED, {"tenant": scope.tenant, "list": made.id})
            quotas.set_allowance(scope, layer="tenant", owner_id=scope.tenant, period="month", allowed=10**9)
            for stream in pools.STREAMS:
                pools.choose_pool(scope, stream=stream, pool_id=pool_id)
        return Customer(scope, made.id, domain.id)


@cache
def _one_key() -> DkimKey:
    return make_rsa_key()


@contextmanager
def bench_yard(*, workers: int) -> Iterator[BenchYard]:
    """Start PostgreSQL (with everything synced, as in production), Redis, the scheduler and a worker of jobs."""
    data = Path(tempfile.mkdtemp(prefix="posthouse-bench-"))
    data.chmod(0o711)
    # One key for all domains: making hundreds takes minutes, and none of that is measured.
    domains.make_rsa_key = _one_key
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        database, doorbell = postgres.start(data, durable=True), redis.start(data, durable=True)
        stack.callback(database.stop)
        stack.callback(doorbell.stop)
        settings = replace(
            Settings(), data=data, database_url=database.url, redis_url=doorbell.url, workers_marketing=workers, allow_reserved_domains=True
        )
        ensure_key_file(settings)
        migrate(settings.database_url, load_keyring(settings))
        app = create_core(settings, process="command")
        with app.app_context():
            yard = BenchYard(settings, app, _postmaster(data), _reseller())
            stack.callback(lambda: yard.stop(*yard.processes))
            yard.start("scheduler", "scheduler")
            yard.start("jobs", "worker", "--queue", "jobs")
            yield yard
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()


def _postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def _reseller() -> Scope:
    operator = operator_scope()
    with transaction(operator):
        reseller_id = accounts.open_reseller(operator, name="Reseller")
        for layer, owner in (("operator", None), ("reseller", reseller_id)):
            quotas.set_allowance(operator, layer=layer, owner_id=owner, period="month", allowed=10**9)
    return Scope(
        actor=Actor("command", None, "bench"), reach=Reach.RESELLER, reseller_id=reseller_id, permissions=ALL_PERMISSIONS, reason="bench", request_id="bench",
    )  # fmt: skip


# --- what processes cost -------------------------------------------------------------------------------------------


def family(parents: list[int]) -> list[int]:
    """Return the processes and all that descend from them."""
    found, fresh = set(parents), set(parents)
    while fresh:
        fresh = {child for child, parent in _parents().items() if parent in fresh} - found
        found |= fresh
    return sorted(found)


def _parents() -> Mapping[int, int]:
    known = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        values = _stat(int(path.parent.name))
        if values:
            known[int(path.parent.name)] = int(values[1])
    return known


def _stat(pid: int) -> list[str]:
    """Return /proc/PID/stat from its third value on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(parents: list[int]) -> float:
    """Return what the processes and their descendants, those that ended included, have used up to now."""
    return sum(sum(map(int, values[11:15])) for values in map(_stat, family(parents)) if values) / TICKS


def _resident_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0.0)


class MemoryWatch:
    """The largest that any one process of some families ever was; looks four times a second."""

    def __init__(self, parents: list[int]) -> None:
        self.most_mb = 0.0
        self._parents = parents
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self.most_mb = max([self.most_mb, *map(_resident_mb, family(self._parents))])


def until(true: Callable[[], object], *, seconds: float, what: str, every: float = 0.02) -> None:
    """Wait for a condition. Raises: TimeoutError."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(every)
