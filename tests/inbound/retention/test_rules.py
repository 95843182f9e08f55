"""An erased person's address is found whole, however it is written, and not inside other people's."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from posthouse.inbound.retention.rules import naming_pattern
from posthouse.platform.db import transaction
from posthouse.platform.scope import system


def _names(text: str, address: str) -> bool:
    with transaction(system("test")) as live:
        return bool(live.execute(sa.text("SELECT lower(:text) ~ :naming"), {"text": text, "naming": naming_pattern(address)}).scalar_one())


@pytest.mark.parametrize(
    "text",
    [
        "e.x+y@shop.example", "<E.X+Y@Shop.Example>", "write to e.x+y@shop.example.", "mailto:e.x+y@shop.example?a", '{"email":"e.x+y@shop.example"}',
        r'"Dear\ne.x+y@shop.example"', r"\303e.x+y@shop.example", r"\u003ce.x+y@shop.example", "q=%3ce.x+y@shop.example",
        "rfc822;e.x+y@shop.example",
    ],
)  # fmt: skip
def test_named(app, text: str) -> None:
    """In mail, in addresses of the web, in JSON and beside bytes that are no letters."""
    assert _names(text, "e.x+y@shop.example")


@pytest.mark.parametrize(
    "text",
    [
        "joe.x+y@shop.example",
        "d.e.x+y@shop.example",
        "a-e.x+y@shop.example",
        "e.x+y@shop.example.org",
        "e.x+y@shop.examples",
        "exxyy@shop.example",
    ],
)
def test_not_named(app, text: str) -> None:
    """Whoever has `e@shop.example` forgotten doesn't reach mail about `joe@shop.example`, which may be another tenant's."""
    assert not _names(text, "e.x+y@shop.example")


def test_a_quoted_address(app) -> None:
    """As a query of a URL holds it."""
    assert _names("/x?to=e.x%2By%40shop.example&b", "e.x%2by%40shop.example")
