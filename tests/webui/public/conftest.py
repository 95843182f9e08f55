"""Recipients' links over real HTTP: two tenants of two resellers, each with a campaign under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from product import until
from serving import Answer, Served
from shops import Shop, make_shop
from street import Street, open_street

from posthouse.platform.db import transaction
from posthouse.platform.scope import system
from posthouse.sending.campaigns import report
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.content.compose import base36
from posthouse.sending.tokens import Mint
from posthouse.sending.tracking import jobs
from posthouse.tenants.brand.services import edit_brand
from posthouse.tenants.lists import queries as lists

PERSON = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"


@dataclass
class Mailing:
    """A started campaign, seen from its recipients; each test takes the next one."""

    street: Street
    shop: Shop
    campaign_id: int
    revision_id: int
    message_ids: list[int]
    taken: int = field(default=-1)

    @property
    def served(self) -> Served:
        return self.street.served

    def next(self) -> int:
        """Go on to a recipient whom no test touched yet."""
        self.taken += 1
        return self.taken

    def token(self, number: int) -> str:
        return Mint(self.street.core.extensions["posthouse_keyring"]).mint(self.shop.scope.tenant, self.message_ids[number]).url

    def path(self, kind: str, number: int, *, link: int = 0) -> str:
        tail = f"/{base36(self.revision_id)}-{link}" if kind == "c" else ""
        return f"/t/{kind}/{self.token(number)}{tail}"

    def get(self, path: str, *, method: str = "GET", agent: str = PERSON, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.served.call(method, path, headers={"User-Agent": agent, **sent})

    def post(self, path: str, body: str = "") -> Answer:
        return self.served.call(
            "POST", path, body=body, headers={"Content-Type": "application/x-www-form-urlencoded", "User-Agent": PERSON}
        )

    def states(self, number: int) -> dict[str, str]:
        """Return the recipient's subscriptions by the list's name."""
        scope = self.shop.scope
        with transaction(scope):
            return {one.list_name: one.state for one in lists.subscriptions_of(scope, self.shop.contact_ids[number])}

    def totals(self) -> dict[str, int]:
        with transaction(self.shop.scope):
            return dict(report.get_report(self.shop.scope, self.campaign_id).totals)

    def counted(self, **least: int) -> dict[str, int]:
        """Wait until the web process has written and a job has sorted at least these figures; returns all."""

        def there() -> dict[str, int] | None:
            jobs.sort_hits(system("test"))
            found = self.totals()
            return found if all(found.get(name, 0) >= number for name, number in least.items()) else None

        found: dict[str, int] = until(there, 30)
        return found


def _mailing(street: Street, scope: object, name: str) -> Mailing:
    shop = make_shop(scope, name=name, people=16)  # type: ignore[arg-type]
    card = shop.campaign()
    with transaction(shop.scope) as live:
        started = campaigns.start(shop.scope, campaign_id=card.id)
        rows = live.execute(sa.text("SELECT id FROM message WHERE campaign_id = :id ORDER BY contact_id"), {"id": card.id})
        return Mailing(street, shop, card.id, started.revision_id or 0, list(rows.scalars()))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with open_street(tmp_path_factory.mktemp("links")) as opened:
        for place, name, colour in ((opened.world.a, "Acme Mail", "#7c2d12"), (opened.world.b, "Berta Post", "#155e75")):
            with transaction(place.scope):
                edit_brand(place.scope, product_name=name, primary_colour=colour, support_email="", support_url="")
        yield opened


@pytest.fixture(scope="module")
def mailing(street: Street) -> Mailing:
    return _mailing(street, street.world.a1.scope, "tea")


@pytest.fixture(scope="module")
def foreign(street: Street) -> Mailing:
    return _mailing(street, street.world.b1.scope, "books")


@pytest.fixture(scope="module")
def ended(street: Street) -> Mailing:
    return _mailing(street, street.world.b2.scope, "gone")
