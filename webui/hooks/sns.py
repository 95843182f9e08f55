"""Amazon SNS: prove a message by its certificate, and confirm a subscription; only Amazon's own hosts are ever asked."""

from __future__ import annotations

import urllib.error
import urllib.request
from functools import lru_cache
from typing import Any

from posthouse.inbound.providers.amazonses import is_signed, is_sns_address
from posthouse.inbound.providers.cards import HookRequest
from posthouse.inbound.providers.services import Received
from posthouse.inbound.providers.values import Unreadable, as_dict, as_json, seconds, text
from posthouse.platform import clock

MOST_BYTES = 64 * 1024
TIMEOUT_SECONDS = 5
TOO_OLD_SECONDS = 3600  # SNS repeats for an hour with the first signature


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_all: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


# Amazon posts again after 5xx only; 4xx is the end of a message.
_UNREACHED = Received(503, "Amazon's own host can't be reached now: post it again")


def refusal(asked: HookRequest, topic: str) -> Received | None:
    """Say why this is not proven to be a fresh message of the topic (its ARN), signed by Amazon; None: it is proven."""
    unproven = Received(403, "the report does not prove that it is the provider's: check topic, signature and clock")
    try:
        envelope = as_dict(as_json(asked.body))
    except Unreadable:
        return unproven
    age = clock.now().timestamp() - seconds(envelope.get("Timestamp"))
    address = text(envelope.get("SigningCertURL"))
    if text(envelope.get("TopicArn")) != topic or not -TOO_OLD_SECONDS < age < TOO_OLD_SECONDS or not is_sns_address(address):
        return unproven
    try:
        return None if is_signed(envelope, fetch(address)) else unproven
    except OSError:
        return _UNREACHED


def confirm(asked: HookRequest) -> Received | None:
    """Confirm a subscription that is asked for by a proven message; None when it asks for none."""
    envelope = as_dict(as_json(asked.body))
    address = text(envelope.get("SubscribeURL"))
    if envelope.get("Type") != "SubscriptionConfirmation":
        return None
    if not is_sns_address(address):
        return Received(400, "the subscription is not to be confirmed at Amazon's own host")
    try:
        _get(address)
    except OSError:
        return _UNREACHED
    return Received(200, "confirmed")


@lru_cache(maxsize=8)
def fetch(address: str) -> bytes:
    """Amazon's certificate at an address that was looked at before. Raises: OSError."""
    return _get(address)


def _get(address: str) -> bytes:
    try:
        with _OPENER.open(address, timeout=TIMEOUT_SECONDS) as answer:
            found: bytes = answer.read(MOST_BYTES)
    except urllib.error.URLError as problem:
        raise OSError(str(problem.reason)) from problem
    return found
