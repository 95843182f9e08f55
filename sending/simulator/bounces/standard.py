"""Reports as RFC 3464 asks: Postfix, Sendmail, Exchange, Courier and the two big web mailers, each with its ways."""

from __future__ import annotations

from posthouse.sending.simulator.bounces.case import BounceCase, to_wire, wrap


def postfix(case: BounceCase) -> bytes:
    """Write it as Postfix does: notification, report with X-Postfix fields, headers of the original."""
    diagnostic = wrap(
        f"host {case.host} said: {case.reply.code} {case.status} {case.reply.text} (in reply to RCPT TO command)", width=72, indent="    "
    )
    return to_wire(f"""\
Return-Path: <>
Received: by {case.host} (Postfix)
	id {case.mark}; {case.date}
Date: {case.date}
From: MAILER-DAEMON@{case.domain} (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {case.return_path}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="{case.mark}.1764047000/{case.host}"
Content-Transfer-Encoding: 8bit
Message-Id: <{case.mark}.report@{case.host}>

This is a MIME-encapsulated message.

--{case.mark}.1764047000/{case.host}
Content-Description: Notification
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

This is the mail system at host {case.host}.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to postmaster.

If you do so, please include this problem report. You can
delete your own text from the attached returned message.

                   The mail system

<{case.recipient}>:
{diagnostic}

--{case.mark}.1764047000/{case.host}
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; {case.host}
X-Postfix-Queue-ID: {case.mark}
X-Postfix-Sender: rfc822; {case.return_path}
Arrival-Date: {case.date}

Final-Recipient: rfc822; {case.recipient}
Original-Recipient: rfc822;{case.recipient}
Action: failed
Status: {case.status}
Remote-MTA: dns; {case.host}
Diagnostic-Code: smtp; {case.reply.code} {case.status} {case.reply.text}

--{case.mark}.1764047000/{case.host}
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 8bit

{case.original}
--{case.mark}.1764047000/{case.host}--
""")


def sendmail(case: BounceCase) -> bytes:
    """Write it as Sendmail does: a transcript of the session before the report."""
    return to_wire(f"""\
Return-Path: <MAILER-DAEMON@{case.host}>
Received: from localhost (localhost)
	by {case.host} (8.17.1/8.17.1) id {case.mark};
	{case.date}
Date: {case.date}
From: Mail Delivery Subsystem <MAILER-DAEMON@{case.host}>
Message-Id: <{case.mark}@{case.host}>
To: <{case.return_path}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="{case.mark}.{case.host}"
Subject: Returned mail: see transcript for details
Auto-Submitted: auto-generated (failure)

This is a MIME-encapsulated message

--{case.mark}.{case.host}

The original message was received at {case.date}
from localhost [127.0.0.1]

   ----- The following addresses had permanent fatal errors -----
<{case.recipient}>
    (reason: {case.reply.code} {case.status} {case.reply.text})

   ----- Transcript of session follows -----
... while talking to {case.host}.:
>>> DATA
<<< {case.reply.code} {case.status} {case.reply.text}
{case.reply.code} {case.status} <{case.recipient}>... {case.reply.text}
<<< 503 5.0.0 Need RCPT (recipient)

--{case.mark}.{case.host}
Content-Type: message/delivery-status

Reporting-MTA: dns; {case.host}
Received-From-MTA: DNS; localhost
Arrival-Date: {case.date}

Final-Recipient: RFC822; {case.recipient}
Action: failed
Status: {case.status}
Remote-MTA: DNS; {case.host}
Diagnostic-Code: SMTP; {case.reply.code} {case.status} {case.reply.text}
Last-Attempt-Date: {case.date}

--{case.mark}.{case.host}
Content-Type: text/rfc822-headers

{case.original}
--{case.mark}.{case.host}--
""")


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

--{outer}
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


def courier(case: BounceCase) -> bytes:
    """Write it as Courier does: a short text, a sparse report, the headers."""
    return to_wire(f"""\
Return-Path: <>
From: "Courier mail server at {case.host}" <@>
To: <{case.return_path}>
Subject: NOTICE: mail delivery status.
Mime-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
    boundary="=_courier_{case.mark}"
Content-Transfer-Encoding: 8bit
Message-ID: <courier.{case.mark}@{case.host}>
Date: {case.date}

This is a MIME formatted message.

--=_courier_{case.mark}
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

This is a delivery status notification from {case.host},
running the Courier mail server.

UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<{case.recipient}>:
    {case.host} [127.0.0.1]:
>>> RCPT TO:<{case.recipient}>
<<< {case.reply.code} {case.reply.text}

--=_courier_{case.mark}
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns; {case.host}
Arrival-Date: {case.date}

Final-Recipient: rfc822; {case.recipient}
Action: failed
Status: {case.status}
Diagnostic-Code: smtp; {case.reply.code} {case.reply.text}

--=_courier_{case.mark}
Content-Type: text/rfc822-headers; charset=utf-8
Content-Transfer-Encoding: 8bit

{case.original}
--=_courier_{case.mark}--
""")
