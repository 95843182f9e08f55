"""What a route may be is decided before anything is stored, and each refusal names its field."""

import pytest

from posthouse.inbound.providers.catalogue import PROVIDERS
from posthouse.platform.errors import Invalid
from posthouse.sending.pools import rules
from posthouse.sending.pools.presets import presets
from posthouse.sending.pools.rules import Draft, clean, spread

_PLAIN = Draft(name=" r ", host=" h.test ", port=25)


def test_a_draft_is_tidied():
    """Stray spaces go, and header lines become one shape."""
    made = clean(Draft(name=" r ", host=" h.test ", port=25, headers=" X-Job:  7 \r\n\r\nX-Empty:\nX-Tag: a b "))
    assert (made.name, made.host, made.headers) == ("r", "h.test", "X-Job: 7\nX-Tag: a b")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": " "}),
        ("host", {"host": "a b"}),
        ("port", {"port": 70_000}),
        ("tls", {"tls": "maybe"}),
        ("max_connections", {"weight": 0}),
        ("source_address", {"source_address": "10.0.0.256"}),
        ("greet_as", {"greet_as": "two words"}),
        ("virtual_mta", {"virtual_mta_header": "X-V", "virtual_mta": "a b"}),
        ("virtual_mta_header", {"virtual_mta": "mta1"}),
        ("virtual_mta_header", {"virtual_mta_header": "X V", "virtual_mta": "mta1"}),
        ("headers", {"headers": "no colon here"}),
        ("headers", {"headers": "X-É: 1"}),
        ("headers", {"headers": "X-A: \x01"}),
        ("headers", {"headers": "Subject: another"}),
        ("headers", {"headers": "dkim-signature: v=1"}),
        ("headers", {"headers": "X-A: " + "b" * 900}),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_its_field(field, wrong):
    """A refusal points to what is to be mended."""
    with pytest.raises(Invalid) as refusal:
        clean(Draft(**{"name": "r", "host": "h.test", "port": 25, **wrong}))
    assert refusal.value.facts["field"] == field


def test_a_preamble_is_whole_header_lines():
    """The virtual MTA's header comes with the route's own; without either there is nothing."""
    assert rules.preamble("X-Job: 7", "X-Virtual-MTA", "mta1") == b"X-Job: 7\r\nX-Virtual-MTA: mta1\r\n"
    assert rules.preamble("", "X-Virtual-MTA", "") == b""


def test_one_server_with_several_addresses_becomes_several_routes():
    """Each gets a name that tells them apart; empty lines count for nothing."""
    made = spread(_PLAIN, ["192.0.2.1", "", " 2001:db8::1 "], by="source")
    assert [(one.name, one.source_address) for one in made] == [("r 192.0.2.1", "192.0.2.1"), ("r 2001:db8::1", "2001:db8::1")]
    assert [one.port for one in spread(_PLAIN, ["10025", "10026"], by="port")] == [10_025, 10_026]
    assert [one.virtual_mta for one in spread(_PLAIN, ["a", "b"], by="virtual_mta")] == ["a", "b"]
    assert spread(_PLAIN, [], by="source") == [_PLAIN]
    for ways, by in ((["smtp"], "port"), (["1"], "colour"), (["x"] * 101, "virtual_mta")):
        with pytest.raises(Invalid):
            spread(_PLAIN, ways, by=by)


@pytest.mark.parametrize("key", presets())
def test_every_preset_makes_a_route(key):
    """Each region's values are a route as they stand, and the headers it names may be set."""
    preset = presets()[key]
    for host in preset.hosts.values():
        values = {"port": preset.port, "tls": preset.tls, "username": preset.username, "max_connections": preset.connections}
        made = clean(Draft(name=preset.name, host=host, messages_per_connection=preset.messages, **values))
        assert made.host == host
    named = "\n".join(f"{header}: x" for header in preset.headers)
    assert len(rules.header_pairs(named)) == len(preset.headers)
    assert preset.sign_in.endswith(".")
    for field in (preset.most_bytes, preset.per_minute, preset.per_day):
        assert field is None or field > 0


def test_the_usual_providers_are_all_there():
    """Whoever comes from one of these finds it filled in."""
    wanted = (
        "amazonses sendgrid mailgun postmark sparkpost mailjet brevo mandrill elasticemail smtp2go resend mailersend scaleway google"
        " microsoft365 postfix exim powermta kumomta haraka postal"
    )
    assert set(wanted.split()) <= set(presets())
    assert presets()["powermta"].virtual_mta_header == "X-Virtual-MTA"
    assert (presets()["postfix"].virtual_mta, presets()["postfix"].virtual_mta_header) == ("port", "")


def test_reports_of_a_preset_are_understood():
    """A preset's report format is one that the inbound room reads."""

    assert {preset.webhook for preset in presets().values() if preset.webhook} <= set(PROVIDERS)
