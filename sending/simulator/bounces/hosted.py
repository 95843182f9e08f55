"""Reports as RFC 3464 asks, by the two big hosts of mail, each with its ways."""

from __future__ import annotations

from posthouse.sending.simulator.bounces.case import BounceCase, to_wire


def exchange(case: BounceCase) -> bytes:
    """Write it as hosted Exchange does: text and page inside a part of their own, the whole original's headers attached."""
    outer, inner = f"_{case.mark[:6]}_outer_", f"_{case.mark[:6]}_inner_"
    said = f"{case.reply.code} {case.status} {case.reply.text}"
    return to_wire(f"""\
Return-Path: <>
From: Microsoft Outlook <postmaster@{case.domain}>
To: <{case.return_path}>
Date: {case.date}
Content-Type: multipart/report; report-type=delivery-status;
	boundary="{outer}"
X-MS-Exchange-Message-Is-Ndr:
Content-Language: en-US
Message-ID: <{case.mark.lower()}@{case.host}>
In-Reply-To: {case.message_id}
References: {case.message_id}
Thread-Topic: {case.subject}
Subject: Undeliverable: {case.subject}
Auto-Submitted: auto-replied
X-MS-Exchange-Transport-CrossTenantHeadersStamped: {case.mark}
MIME-Version: 1.0

{_exchange_note(case, outer, inner, said)}--{outer}
Content-Type: message/delivery-status

Reporting-MTA: dns;{case.host}
Received-From-MTA: dns;localhost
Arrival-Date: {case.date}

Original-Recipient: rfc822;{case.recipient}
Final-Recipient: rfc822;{case.recipient}
Action: failed
Status: {case.status}
Diagnostic-Code: smtp;{said}
X-Display-Name: {case.recipient}

--{outer}
Content-Type: message/rfc822

{case.original}

--{outer}--
""")


def _exchange_note(case: BounceCase, outer: str, inner: str, said: str) -> str:
    return f"""\
--{outer}
Content-Type: multipart/alternative; differences=Content-Type;
	boundary="{inner}"

--{inner}
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: 8bit

[Office 365]
Your message to {case.recipient} couldn't be delivered.

{case.recipient} wasn't delivered at {case.domain}.

Diagnostic information for administrators:

Generating server: {case.host}

{case.recipient}
Remote Server returned '{said}'

Original message headers:

{case.original}
--{inner}
Content-Type: text/html; charset="utf-8"
Content-Transfer-Encoding: 8bit

<html><body><p>Your message to <b>{case.recipient}</b> couldn't be delivered.</p>
<p>Remote Server returned '{said}'</p></body></html>

--{inner}--

"""


def google(case: BounceCase) -> bytes:
    """Write it as the big G does: a page with a picture's place, the report, the headers of the original."""
    return to_wire(f"""\
Return-Path: <>
From: Mail Delivery Subsystem <mailer-daemon@{case.domain}>
To: {case.return_path}
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
References: {case.message_id}
In-Reply-To: {case.message_id}
X-Failed-Recipients: {case.recipient}
Message-ID: <{case.mark.lower()}.gsmtp@{case.host}>
Date: {case.date}
MIME-Version: 1.0
Content-Type: multipart/report; boundary="000000000000{case.mark.lower()}"; report-type=delivery-status

--000000000000{case.mark.lower()}
Content-Type: multipart/alternative; boundary="000000000001{case.mark.lower()}"

--000000000001{case.mark.lower()}
Content-Type: text/plain; charset="UTF-8"

** Address not found **

Your message wasn't delivered to {case.recipient} because the address couldn't be found, or is unable to receive mail.

The response was:

{case.reply.code} {case.status} {case.reply.text}

--000000000001{case.mark.lower()}
Content-Type: text/html; charset="UTF-8"

<html><body><h1>Address not found</h1><p>Your message wasn't delivered to <b>{case.recipient}</b>.</p>
<p>The response was:<br>{case.reply.code} {case.status} {case.reply.text}</p></body></html>

--000000000001{case.mark.lower()}--

--000000000000{case.mark.lower()}
Content-Type: message/delivery-status

Reporting-MTA: dns; {case.domain}
Received-From-MTA: dns; {case.return_path}
Arrival-Date: {case.date}
X-Original-Message-ID: {case.message_id}

Final-Recipient: rfc822; {case.recipient}
Action: failed
Status: {case.status}
Diagnostic-Code: smtp; {case.reply.code} {case.status} {case.reply.text}
Last-Attempt-Date: {case.date}

--000000000000{case.mark.lower()}
Content-Type: message/rfc822

{case.original}

--000000000000{case.mark.lower()}--
""")
