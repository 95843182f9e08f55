"""Composing: what one recipient's message looks like on the wire, and what a hostile contact can't do to it."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posthouse.sending.content import language, slots
from posthouse.sending.content.cards import Composed, MessageCard, RenderFailed
from posthouse.sending.content.rendering import TemplateFailed, context, render_node
from posthouse.sending.tokens import TokenClaims, read_address

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


def card(kit: SimpleNamespace, recipient: str = "jo@mail.example", **fields: object) -> MessageCard:
    return MessageCard(message_id=99, recipient=recipient, at=kit.at, fields=fields)


def headers_of(data: bytes) -> bytes:
    return data.split(b"\r\n\r\n", 1)[0]


def test_the_headers_that_receivers_ask_for(kit: SimpleNamespace) -> None:
    """Aligned From, VERP return path, stable Message-ID, one-click unsubscribe, list, feedback: all present, all signed."""
    made = kit.composer().compose(card(kit, first_name="Zoë"))
    message = kit.parsed(made.data)
    token = kit.mint.mint(7, 99)
    assert made.return_path == f"{token.local}@bounce.tea.example"
    assert message["From"] == "Käthe’s Tea <news@tea.example>"
    assert message["To"] == made.recipient == "jo@mail.example"
    assert message["Subject"] == "Tea for Zoë"
    assert message["Message-ID"] == f"<{token.local}@tea.example>"
    assert (
        message["List-Unsubscribe"]
        == f"<https://click.tea.example/t/u/{token.url}>, <mailto:u-{token.local}@bounce.tea.example?subject=unsubscribe>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "News <news.tea.example>"
    assert message["Feedback-ID"] == "c1:t7:marketing:house"
    assert message["CFBL-Address"] == f"fbl-{token.local}@bounce.tea.example; report=arf"
    assert message["CFBL-Feedback-ID"] == token.local
    signed = re.search(rb"h=(.*?);", made.data, re.DOTALL)
    assert signed
    for name in ("from", "list-unsubscribe", "list-unsubscribe-post", "cfbl-address", "feedback-id"):
        assert signed.group(1).replace(b"\r\n ", b"").split(b":").count(name.encode()) == 2
    assert kit.verified(made.data)
    found = read_address(kit.mint, message["CFBL-Address"].split("@")[0])
    assert found is not None
    assert found.claims == TokenClaims(7, 99)


def test_links_pixel_and_unsubscribe_carry_the_recipients_token(kit: SimpleNamespace) -> None:
    """Every address of ours in both parts holds the same token; targets stay out of the message."""
    made = kit.composer('<a href="https://shop.example/tea">Tea</a>').compose(card(kit))
    token = kit.mint.mint(7, 99).url
    html, text = kit.html_of(made.data), kit.text_of(made.data)
    assert f'href="https://click.tea.example/t/c/{token}/9ix-0"' in html
    assert f'src="https://click.tea.example/t/o/{token}"' in html
    assert f"https://click.tea.example/t/c/{token}/9ix-0" in text
    assert f"https://click.tea.example/t/u/{token}" in html
    assert "shop.example" not in html + text
    assert "Am Deich 1, 26721 Emden" in html


def test_links_within_blocks_are_tracked_too(kit: SimpleNamespace) -> None:
    """A link inside a condition is the same link, and absent where the condition is."""
    composer = kit.composer('{% if city %}<a href="https://shop.example/tea">Tea</a>{% endif %}')
    assert "/9ix-0" in kit.html_of(composer.compose(card(kit, city="Emden")).data)
    assert "/9ix-0" not in kit.html_of(composer.compose(card(kit)).data)


def test_the_same_card_gives_the_same_bytes(kit: SimpleNamespace) -> None:
    """A repeated copy is the same message, alone or among others; one that fails leaves the others alone."""
    composer = kit.composer()
    cards = [card(kit, first_name=f"n{number}") for number in range(20)] + [card(kit, "broken")]
    made = composer.compose_all(cards)
    assert [item.data for item in made[:-1] if isinstance(item, Composed)] == [composer.compose(item).data for item in cards[:-1]]
    assert isinstance(made[-1], RenderFailed)


def test_nothing_names_the_product(kit: SimpleNamespace) -> None:
    """White label: no header or body names Posthouse; there is no X-Mailer."""
    assert not re.search(rb"posthouse|x-mailer|user-agent", kit.composer().compose(card(kit)).data, re.IGNORECASE)


@pytest.mark.parametrize(
    "value",
    [
        "x\r\nBcc: victim@evil.example",
        "x\nSubject: other",
        "x\r\n\r\n<html>",
        "x\u2028Bcc: y",
        "x\x00y",
        "\r\n.\r\nMAIL FROM:<>",
        "x" * 3000,
        "=?utf-8?Q?=0D=0ABcc:_x?=",
    ],
)
def test_76_a_field_cant_add_a_header(kit: SimpleNamespace, value: str) -> None:
    """CR, LF and their kin in a field become blanks; the sink sees the same headers as for a harmless one."""
    composer = kit.composer(subject="Hi {{ first_name }}")
    made = composer.compose(card(kit, first_name=value)).data
    good = composer.compose(card(kit, first_name="Jo")).data
    names = re.compile(rb"^([A-Za-z-]+):", re.MULTILINE)
    assert names.findall(headers_of(made)) == names.findall(headers_of(good))
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert kit.verified(made)


@pytest.mark.parametrize("recipient", ["", "jo", "jo@", "@mail.example", "jo@mail.example\r\nBcc: x@y.example", "jo@mail.example, x@y.example", "Jo <jo@mail.example>", "jo@mail.example\x00", "jo@[127.0.0.1]", "<jo@mail.example>", "j o@mail.example", "jo@mail..example", "jo@" + "a" * 64 + ".example", "x" * 65 + "@mail.example", "jo@x@mail.example", ".jo@mail.example", "jo@mail_x.example"])  # fmt: skip
def test_76_a_recipient_is_one_address(kit: SimpleNamespace, recipient: str) -> None:
    """Anything but one bare address fails this message alone."""
    with pytest.raises(RenderFailed) as failed:
        kit.composer().compose(card(kit, recipient))
    assert failed.value.code == "bad_address"


@pytest.mark.parametrize("changes", [{"from_address": "news@tea.example, x@evil.example"}, {"from_address": "Group: a@b.example;"}, {"from_address": '"ceo@bank.test" <x@tea.example>'}, {"from_address": "<@route:x@tea.example>"}, {"reply_to": "x@y.example\r\nBcc: z@z.example"}])  # fmt: skip
def test_78_one_from_and_one_reply_to(kit: SimpleNamespace, changes: dict[str, str]) -> None:
    """From and Reply-To are one bare address each; groups, routes, lists and further names are refused when the composer is made."""
    with pytest.raises(RenderFailed):
        kit.composer(sender=dataclasses.replace(kit.sender, **changes))


@pytest.mark.parametrize("name", ['"ceo@bank.test"', "A, B", "x\r\nBcc: y", "Ünï <x@y>", "a" * 200, "日本" * 60, "=?utf-8?q?x?="])
def test_78_a_display_name_stays_a_name(kit: SimpleNamespace, name: str) -> None:
    """Whatever the name holds, From has one address: ours."""
    made = kit.composer(sender=dataclasses.replace(kit.sender, from_name=name)).compose(card(kit))
    (only,) = kit.parsed(made.data)["From"].addresses
    assert only.addr_spec == "news@tea.example"
    # Python's address parser keeps the blank between two encoded words, which RFC 2047 6.2 says to drop.
    assert only.display_name.replace(" ", "") == "".join(name.split())
    assert kit.verified(made.data)


@pytest.mark.parametrize(
    "value",
    ["{{ city }}", "{% for i in (1..9) %}x{% endfor %}", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='x"],
)
def test_77_a_field_is_escaped_and_never_evaluated(kit: SimpleNamespace, value: str) -> None:
    """In HTML text and attributes a value is text; in the text part and the subject it is itself."""
    composer = kit.composer(
        '<p title="{{ first_name }}">{{ first_name }}</p>{% if first_name %}<b>{{ first_name }}</b>{% endif %}', subject="{{ first_name }}"
    )
    made = composer.compose(card(kit, first_name=value)).data
    html = kit.html_of(made)
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "' onmouseover" not in html
    assert value in kit.text_of(made)
    assert kit.parsed(made)["Subject"] == value


@pytest.mark.parametrize(("value", "shown"), [("javascript:alert(1)", "#"), ("JAVASCRIPT:x", "#"), ("data:text/html,x", "#"), ("//evil.example", "#"), ('https://a.example/" onclick="x', "#"), ("https://a.example/?x=1&y=2", "https://a.example/?x=1&amp;y=2"), ("", "#"), ("mailto:a@b.example", "mailto:a@b.example")])  # fmt: skip
def test_77_a_field_as_a_link_must_be_a_web_address(kit: SimpleNamespace, value: str, shown: str) -> None:
    """A link that is a field leads to http, https or mailto, or nowhere."""
    made = kit.composer('<a href="{{ contact.homepage }}">x</a>').compose(card(kit, homepage=value)).data
    assert f'<a href="{shown}">x</a>' in kit.html_of(made)


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nb", ".\r\n", "\r\n.\r\nQUIT\r\n", "..", "x" * 1_000_0, "\x00", "é" * 2000, "\t \t ", "a  b   ", "From x"])  # fmt: skip
def test_79_any_value_gives_clean_lines_and_a_valid_signature(kit: SimpleNamespace, value: str) -> None:
    """CRLF only, short lines, no dot at the beginning of a line, seven bits; the signature holds."""
    made = kit.composer("<pre>{{ first_name }}</pre><p>.\n..</p>").compose(card(kit, first_name=value)).data
    assert re.fullmatch(rb"(?:[\x20-\x7e\t]*\r\n)*", made)
    assert b"\r\n." not in made
    assert kit.verified(made)


@settings(max_examples=60, deadline=None)
@given(first=TEXTS, city=TEXTS, subject=TEXTS)
def test_79_signatures_always_hold(kit: SimpleNamespace, first: str, city: str, subject: str) -> None:
    """Random fields: dkimpy verifies, the size is right, the value arrives."""
    made = kit.composer("<p>{{ first_name }} {{ city | upcase }}</p>", subject="s {{ city }}").compose(
        card(kit, first_name=first, city=city, other=subject)
    )
    assert kit.verified(made.data)
    assert made.size == len(made.data)


def test_international_addresses(kit: SimpleNamespace) -> None:
    """An international domain becomes ASCII; only a local part in other letters needs SMTPUTF8."""
    composer = kit.composer()
    made = composer.compose(card(kit, "jo@bücher.example"))
    assert (made.recipient, made.smtputf8) == ("jo@xn--bcher-kva.example", False)
    other = composer.compose(card(kit, "käthe@bücher.example"))
    assert (other.recipient, other.smtputf8) == ("käthe@xn--bcher-kva.example", True)
    assert "To: käthe@xn--bcher-kva.example\r\n".encode() in other.data


def test_complaint_addresses_only_under_a_matching_signature(kit: SimpleNamespace) -> None:
    """RFC 9477 3.1: no CFBL-Address where the return path is not of a signing domain."""
    made = kit.composer(sender=dataclasses.replace(kit.sender, bounce_host="mail.other.example")).compose(card(kit))
    assert b"CFBL" not in made.data


def test_a_single_message_has_no_list_headers(kit: SimpleNamespace) -> None:
    """Transactional mail is no list."""
    made = kit.composer(
        html="<p>Code 1</p>", stream="transactional", sender=dataclasses.replace(kit.sender, stream="transactional")
    ).compose(card(kit))
    assert b"List-" not in headers_of(made.data)


def test_a_letter_that_fails_for_one_contact_fails_alone(kit: SimpleNamespace) -> None:
    """A limit that one contact's fields reach is that message's failure, with its reason."""
    composer = kit.composer("{% for i in (1..points) %}x{% endfor %}")
    assert "xxx" in kit.html_of(composer.compose(card(kit, points=3)).data)
    with pytest.raises(RenderFailed) as failed:
        composer.compose(card(kit, points=10**12))
    assert failed.value.code == "template_limit"


def test_a_letter_of_forty_megabytes_fails_alone(kit: SimpleNamespace) -> None:
    """A long value in many places: that contact's letter is refused with its size, the next one's is made."""
    composer = kit.composer("<p>{{ first_name }}</p>" * 700)
    huge, small = composer.compose_all([card(kit, first_name="x" * 60_000), card(kit, first_name="Ann")])
    assert isinstance(huge, RenderFailed)
    assert (huge.code, "MB" in str(huge)) == ("too_large", True)
    assert not isinstance(small, RenderFailed)


PLACES = ["{{ a }}", "{{ a.b }}", "{{ a | default: 'x' }}", "{{ a | upcase | append: '<b>' }}", "{{ b | plus: 1 | times: 2 }}", "{{ a | truncate: 5 }}", "{{ a | date: '%Y' }}", "{{ a | escape }}", "{{ a | split: ',' | join: '-' }}", "{{ b }}", "{{ c }}", "{{ a | replace: 'a', '<' }}", "{{ a | slice: 1, 3 }}"]  # fmt: skip
VALUES = st.one_of(
    TEXTS,
    st.integers(-(10**6), 10**6),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.lists(TEXTS, max_size=3),
)


@example(place="{{ a }}", a="one\rtwo\r\nthree", b=None, html=False)
@given(place=st.sampled_from(PLACES), a=VALUES, b=VALUES, html=st.booleans())
def test_the_quick_way_and_liquid_agree(place: str, a: object, b: object, html: bool) -> None:
    """The short cut for ordinary places gives what python-liquid gives, failure for failure."""
    environment = language.HTML if html else language.TEXT
    template = environment.from_string(place)
    fill = slots.quick(template.nodes[0], environment)
    names = {name: value for name, value in (("a", a), ("b", b)) if value is not None}
    if fill is None:
        return

    def outcome(make: object) -> str:
        try:
            return str(make())  # type: ignore[operator]
        except TemplateFailed:
            return "failed"

    assert outcome(lambda: fill(names)) == outcome(lambda: render_node(template.nodes[0], context(template, names)))
