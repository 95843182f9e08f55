"""Every text that anybody can choose, chosen by an attacker: no page runs it, and none becomes markup."""

from __future__ import annotations

from urllib.parse import quote

import places
import pytest
from browser import sign_in, watched
from furnished import furnish

from posthouse.platform.db import transaction
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.brand import services as brands

# Breaks out of text, of attributes in either quotes, and of an element; whatever of it becomes markup is heard of in the console.
ATTACK = """"'></title></textarea><img src=x onerror=top.hit=1><svg/onload=alert(1)>"""
LETTER = """<html><head><style>p{}</style><script>top.hit=1;alert(1)</script><meta http-equiv="refresh" content="0;url=/account"></head>
<body onload="top.hit=1"><a href="javascript:top.hit=1" id="lure">Click</a><img src="x" onerror="parent.hit=1">
<form action="/sign-out" method="post"><button>Go</button></form><iframe srcdoc="<script>top.hit=1</script>"></iframe><base href="https://evil.example/">
</body></html>"""
# In the frame of a letter its own markup is at work, and the browser tells what it kept from it.
KEPT_FROM_IT = ("sandboxed", "Content Security Policy", "Refused to", "Blocked", "Access to image", "Failed to load resource")
ASKED = "?q={0}&kind={0}&state={0}&list={0}&before={0}&after={0}&contact={0}&next={0}"


def _attack(text: str) -> str:
    return text + ATTACK


def _worse(route) -> None:
    """Put into a letter's frame what the compiler would never let through; its headers are ours."""
    answer = route.fetch()
    route.fulfill(response=answer, body=LETTER) if answer.ok else route.fulfill(response=answer)


def _rename(world) -> None:
    with transaction(world.a.scope):
        accounts.rename_tenant(world.a.scope, world.a1.id, name=_attack("Tenant"))
        brands.edit_brand(
            world.a.scope,
            product_name=_attack("Brand"),
            primary_colour="#2f6f4f",
            support_email="",
            support_url="https://help.example/" + quote(ATTACK),
        )
    with transaction(world.a1.scope):
        accounts.edit_profile(
            world.a1.scope, legal_name=_attack("Ltd"), postal_address=_attack("1 Street"), website="https://a.example/", timezone="UTC"
        )


def _heard(page, path: str) -> list[object]:
    """Return what went wrong on a page: something ran, or something became markup."""
    heard = [said for said in page.complaints if not ("/preview" in path and any(mark in said for mark in KEPT_FROM_IT))]
    if any(frame.evaluate("Boolean(window.hit)") for frame in page.frames):
        heard.append("a script ran")
    page.complaints.clear()
    return [(path, *heard)] if heard else []


def _visit(page, url: str, paths: list[str]) -> list[object]:
    wrong: list[object] = []
    for path in paths:
        answer = page.goto(url + path)
        if not answer.ok:  # the browser itself says so in the console
            page.complaints = [said for said in page.complaints if "Failed to load resource" not in said]
        wrong += [(path, answer.status)] if answer.status >= 500 else []
        policy = answer.headers["content-security-policy"]
        wrong += [(path, policy)] if "unsafe" in policy or "script-src 'self'" not in policy else []
        wrong += _heard(page, path)
    return wrong


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_no_text_of_anybody_runs_or_becomes_markup(served, chrome):
    found = furnish(served.core, served.web, served.world, _attack)
    _rename(served.world)
    asked = [path + ASKED.format(quote(ATTACK)) for path in ("/contacts", "/suppressions", "/mail", "/imports/new", "/lists/{lst}")]
    asked += ["/campaigns/{cmp_draft}/preview" + ASKED.format(quote(ATTACK)), "/" + quote(ATTACK)]
    context = chrome.new_context(viewport={"width": 1280, "height": 800})
    page = watched(context.new_page())
    page.route("**/letter*", _worse)
    wrong = _visit(page, served.url, [path.format(**found.ids) for path in (*places.VISITOR, "/sign-in" + ASKED.format(quote(ATTACK)))])
    for email, paths in (
        (served.world.a1.email, (*places.TENANT, *asked)),
        (served.world.a.email, places.RESELLER),
        ("operator@example.com", places.OPERATOR),
    ):
        context.clear_cookies()
        sign_in(page, served.url, email)
        wrong += _visit(page, served.url, [path.format(**found.ids) for path in paths])
    context.close()
    assert wrong == []
