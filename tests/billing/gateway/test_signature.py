"""Only what Stripe signed, lately and byte for byte, passes."""

import contextlib
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import WebhookSignature

from posthouse.billing.double.courier import sign
from posthouse.billing.gateway.signature import Unverified, verify

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
T = int(NOW.timestamp())
SECRET = "whsec_right"
BODY = b'{"id": "evt_1", "object": "event", "name": "Zo\xc3\xab"}'


def mac(body=BODY, secret=SECRET, at=T):
    return WebhookSignature._compute_signature(f"{at}.{body.decode()}", secret)


GOOD = mac()

MALFORMED = {
    "none": None,
    "empty": "",
    "spaces": "   ",
    "no_time": f"v1={GOOD}",
    "no_signature": f"t={T}",
    "only_v0": f"t={T},v0={GOOD}",
    "two_times": f"t={T},t={T},v1={GOOD}",
    "empty_time": f"t=,v1={GOOD}",
    "time_in_words": f"t=now,v1={GOOD}",
    "time_negative": f"t=-{T},v1={GOOD}",
    "time_with_plus": f"t=+{T},v1={GOOD}",
    "time_with_point": f"t={T}.0,v1={GOOD}",
    "time_with_underscore": f"t={str(T)[:4]}_{str(T)[4:]},v1={GOOD}",
    "time_in_hex": f"t={T:#x},v1={GOOD}",
    "time_huge": f"t={'9' * 400},v1={GOOD}",
    "time_arabic_digits": f"t={str(T).translate(str.maketrans('0123456789', '٠١٢٣٤٥٦٧٨٩'))},v1={GOOD}",
    "upper_case_signature": f"t={T},v1={GOOD.upper()}",
    "short_signature": f"t={T},v1={GOOD[:-1]}",
    "long_signature": f"t={T},v1={GOOD}0",
    "empty_signature": f"t={T},v1=",
    "non_hex_signature": f"t={T},v1={'g' * 64}",
    "one_bad_beside_the_good": f"t={T},v1={GOOD},v1=zz",
    "fifty_signatures": f"t={T}," + ",".join([f"v1={GOOD}"] * 50),
    "nine_signatures": f"t={T}," + ",".join([f"v1={GOOD}"] * 9),
    "spaces_between": f"t={T}, v1={GOOD}",
    "semicolon": f"t={T};v1={GOOD}",
    "equals_twice": f"t=={T},v1=={GOOD}",
    "trailing_comma": f"t={T},v1={GOOD},",
    "upper_case_names": f"T={T},V1={GOOD}",
    "newline": f"t={T},v1={GOOD}\n",
    "null_byte": f"t={T},v1={GOOD}\0",
    "full_width": f"ｔ={T},v1={GOOD}",
    "json": json.dumps({"t": T, "v1": GOOD}),
    "other_time_than_signed": f"t={T + 1},v1={GOOD}",
    "other_secret": f"t={T},v1={mac(secret='whsec_wrong')}",
    "body_alone_signed": f"t={T},v1={'0' * 64}",
}


def test_there_are_thirty_malformed_headers():
    """The list that the threat model asks for is long enough."""
    assert len(MALFORMED) >= 30


@pytest.mark.parametrize("header", MALFORMED.values(), ids=MALFORMED)
def test_malformed_and_wrong_headers_are_refused(header):
    """Threat I1, row 84: nothing but the exact form passes."""
    with pytest.raises(Unverified):
        verify(BODY, header, [SECRET], now=NOW)


@pytest.mark.parametrize(("seconds", "passes"), [(0, True), (300, True), (-300, True), (301, False), (-301, False), (86_400, False)])
def test_old_and_future_times(seconds, passes):
    """300 s either way are accepted, one more isn't."""
    with contextlib.nullcontext() if passes else pytest.raises(Unverified):
        verify(BODY, f"t={T},v1={GOOD}", [SECRET], now=NOW + timedelta(seconds=seconds))


def test_two_secrets_and_several_signatures():
    """While a secret is rotated either side may have two; an unknown scheme beside is let be."""
    verify(BODY, f"t={T},v1={'0' * 64},v1={GOOD},v0={'1' * 64}", ["whsec_other", SECRET], now=NOW)


def test_no_secret_lets_nothing_in():
    """An account without a secret, or with an empty one, accepts no call."""
    for secrets in ([], [""]):
        with pytest.raises(Unverified):
            verify(BODY, f"t={T},v1={mac(secret='')}", secrets, now=NOW)


@pytest.mark.parametrize(
    "body", [gzip.compress(BODY, mtime=0), json.dumps(json.loads(BODY)).encode(), BODY + b"\n", b"", BODY.decode().encode("utf-16")]
)
def test_another_body_is_refused(body):
    """Compressed, re-encoded, with a line more, or empty: not what was signed."""
    with pytest.raises(Unverified):
        verify(body, f"t={T},v1={GOOD}", [SECRET], now=NOW)


@given(st.binary(max_size=60), st.integers(0, 59), st.integers(1, 255))
def test_one_changed_byte_is_refused(body, place, change):
    """Any body passes as signed, bytes that are no text too, and none with a byte changed."""
    changed = bytearray(body)
    header = signed(body)
    verify(body, header, [SECRET], now=NOW)
    if place < len(body):
        changed[place] ^= change
        with pytest.raises(Unverified):
            verify(bytes(changed), header, [SECRET], now=NOW)


def signed(body):
    """Sign as the double does, which the SDK's own verification accepts."""
    return sign((SECRET,), body, at=T)


@given(st.text(max_size=120))
def test_any_header_is_refused_in_one_way(header):
    """No header makes the check fail otherwise."""
    with pytest.raises(Unverified):
        verify(BODY, header, [SECRET], now=NOW)
