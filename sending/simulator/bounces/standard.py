"""Reports as RFC 3464 asks, by servers that people run themselves: Postfix, Sendmail and Courier, each with its ways."""

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

{_postfix_report(case)}""")


def _postfix_report(case: BounceCase) -> str:
    return f"""\
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
"""


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
