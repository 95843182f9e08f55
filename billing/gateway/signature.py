"""Verifies a Stripe-Signature header over the raw body: `t=<seconds>,v1=<hex>[,v1=<hex>]` (Stripe, "Verify webhook signatures").

Ours rather than the SDK's: that one accepts timestamps from the future, any number of signatures, and takes one secret at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

TOLERANCE_SECONDS = 300
# Stripe signs with every secret that is valid, two while one is rotated; more than a handful is not from Stripe.
MAX_SIGNATURES = 8
MAX_HEADER_CHARS = 1024

_TIME = re.compile(r"[0-9]{1,12}")
_PART = re.compile(r"[a-z][a-z0-9]{0,15}=[^=,\s]{1,128}")
_MAC = re.compile(r"[0-9a-f]{64}")


class Unverified(Exception):
    """The call isn't proven to be Stripe's. The text says why, for the log; the caller is told nothing."""


def verify(body: bytes, header: str | None, secrets: Sequence[str], *, now: datetime) -> None:
    """Pass in silence when one of the secrets signed this very body within 300 s of now, either way.

    Raises: Unverified.
    """
    at, macs = _read(header)
    if abs(now.timestamp() - at) > TOLERANCE_SECONDS:
        raise Unverified("its time is more than 300 s from ours")
    signed = b"%d." % at + body
    # Every pair is compared, so that the time taken tells nothing about which one matched.
    matches = [
        hmac.compare_digest(hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(), mac)
        for secret in secrets
        if secret
        for mac in macs
    ]
    if not any(matches):
        raise Unverified("no signature fits one of this account's secrets")


def _read(header: str | None) -> tuple[int, list[str]]:
    if not header or len(header) > MAX_HEADER_CHARS or not header.isascii():
        raise Unverified("the header is missing, too long or not ASCII")
    parts = header.split(",")
    if not all(_PART.fullmatch(part) for part in parts):
        raise Unverified("the header isn't a list of names and values")
    pairs = [part.split("=", 1) for part in parts]
    times = [value for name, value in pairs if name == "t"]
    macs = [value for name, value in pairs if name == "v1"]
    if len(times) != 1 or _TIME.fullmatch(times[0]) is None:
        raise Unverified("there isn't exactly one time")
    if not 1 <= len(macs) <= MAX_SIGNATURES:
        raise Unverified(f"there isn't between one and {MAX_SIGNATURES} signatures")
    if not all(_MAC.fullmatch(mac) for mac in macs):
        raise Unverified("a signature isn't 64 small hexadecimal digits")
    return int(times[0]), macs
