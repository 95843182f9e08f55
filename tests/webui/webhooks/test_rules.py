"""Addresses that lead anywhere but to the public internet are refused; signatures are those of Standard Webhooks; tries end after 72 hours."""

from datetime import timedelta

import pytest

from posthouse.platform.errors import Invalid
from posthouse.webui.webhooks import rules
from posthouse.webui.webhooks.addresses import is_public


@pytest.mark.parametrize(
    "url",
    [
        "", "hook", "/hook", "//example.com", "http://example.com/", "file:///etc/passwd", "gopher://example.com", "ftp://example.com",
        "javascript:alert(1)", "https://", "https:///x", "https://user@example.com", "https://user:pass@example.com/", "https://a@b",
        "https://127.0.0.1/", "https://127.1", "https://0x7f000001", "https://2130706433", "https://017700000001", "https://0", "https://0.0.0.0",
        "https://10.0.0.1", "https://192.168.1.1:443", "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::a9fe:a9fe]", "https://[fe80::1]", "https://localhost", "https://intranet/", "https://example.com:22/",
        "https://example.com:99999/", "https://example.com:x/", "https://exa mple.com", "https://example.com/\r\nHost: x", "https://example.com\\@evil",
        "https://example.com/" + "a" * 2000, "https://" + "a" * 64 + ".com", "https://[::1", "https://example.com/\u0000",
    ],
)  # fmt: skip
def test_what_is_no_public_https_address_is_refused(url):
    with pytest.raises(Invalid) as refused:
        rules.check_url(url, lenient=False)
    assert refused.value.facts["field"] == "url"


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://example.com", "https://example.com/"),
        ("  https://Hooks.Example.com/a?b=c#fragment ", "https://hooks.example.com/a?b=c"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
    ],
)
def test_others_are_kept_in_the_form_in_which_they_are_called(url, called):
    assert rules.check_url(url, lenient=False) == called
    assert rules.check_url(called, lenient=False) == called


def test_rehearsals_may_use_the_loopback_and_plain_http():
    assert rules.check_url("http://127.0.0.1:8080/x", lenient=True) == "http://127.0.0.1:8080/x"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1",
        "240.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "::", "::1", "::127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "3fff::1", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "5f00::1", "4000::1", "not an address", "",
    ],
)  # fmt: skip
def test_special_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_addresses_of_the_internet_are(address):
    assert is_public(address)


def test_the_signature_is_that_of_the_specification():
    """The example of the Standard Webhooks 1.0.0 specification and its libraries."""
    signed = rules.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_random_and_long_enough():
    made = {rules.make_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("whsec_") and len(one) == 6 + 44 for one in made)


def test_sixteen_tries_spread_over_three_days():
    gaps = [rules.gap(attempts, 0.5) for attempts in range(1, 17)]
    assert gaps[-1] is None
    assert timedelta(hours=70) < sum(gaps[:-1], timedelta()) < timedelta(hours=74)
    assert gaps[:-1] == sorted(gaps[:-1])
    assert rules.gap(1, 0) < rules.gap(1, 1)


def test_an_endpoint_rests_longer_the_longer_it_fails():
    rests = [rules.rest(failures) for failures in range(1, 40)]
    assert rests[:2] == [None, None]
    assert rests[2] == timedelta(seconds=30)
    assert rests[-1] == timedelta(hours=1)
    assert rests[2:] == sorted(rests[2:])
