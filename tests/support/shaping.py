"""Build mails as mail systems write them, for tests of how they are read."""

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Shape:
    """One mail with what it must be read as; `kind`, `reason` and `status` may name several that are right, None asks nothing."""

    name: str
    raw: bytes
    kind: str = "bounce"
    recipients: tuple[str, ...] = field(default=())
    reason: str | None = None
    status: str | None = None
    action: str | None = "failed"


def shape(name: str, text: str | bytes, kind: str = "bounce", rcpt: tuple[str, ...] = (), **told: str | None) -> Shape:
    """A sample of a text that may begin with an empty line."""
    raw = text if isinstance(text, bytes) else text.lstrip("\n").encode("utf-8")
    return Shape(name, raw, kind, rcpt, **told)


def word(text: str, charset: str) -> str:
    """A text as an encoded word (RFC 2047)."""
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


def wrapped(text: str, charset: str) -> str:
    """A text as a body in base64."""
    return base64.encodebytes(text.encode(charset)).decode()


ORIG = """
Received: from mail.sender.example by mx.sender.example; Mon, 4 Mar 2024 10:00:00 +0100
From: News <news@sender.example>
To: Joe <joe@example.com>
Subject: Spring offers
Message-ID: <b-abc123@bounce.sender.example>
Date: Mon, 4 Mar 2024 10:00:00 +0100

Hello Joe
"""


def dsn(
    human: str,
    fields: str,
    orig: str = ORIG,
    frm: str = "MAILER-DAEMON@mx.example.com (Mail Delivery System)",
    subj: str = "Undelivered Mail Returned to Sender",
    ctype: str = "message/delivery-status",
) -> str:
    """A report of RFC 3464."""
    return f"""Return-Path: <>
From: {frm}
To: b-abc@bounce.sender.example
Subject: {subj}
Date: Mon, 4 Mar 2024 10:00:01 +0100
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="BB"

--BB
Content-Type: text/plain; charset=us-ascii

{human}
--BB
Content-Type: {ctype}

{fields}
--BB
Content-Type: message/rfc822
{orig}
--BB--
"""


def plain(frm: str, subj: str, body: str, extra: str = "") -> str:
    """A report in words."""
    return f"""Return-Path: <>
From: {frm}
To: b-abc@bounce.sender.example
Subject: {subj}
Date: Mon, 4 Mar 2024 10:00:01 +0100
{extra}
{body}
"""
