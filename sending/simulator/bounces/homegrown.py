"""Reports from before the standard, or in spite of it: qmail, Exim, a web mailer, Domino and a filtering gateway."""

from __future__ import annotations

from posthouse.sending.simulator.bounces.case import BounceCase, to_wire


def qmail(case: BounceCase) -> bytes:
    """Write it as qmail does (QSBMF): plain text with a paragraph for each recipient, then the original."""
    return to_wire(f"""\
Return-Path: <>
Received: (qmail 21474 invoked for bounce); {case.date}
Date: {case.date}
From: MAILER-DAEMON@{case.host}
To: {case.return_path}
Subject: failure notice

Hi. This is the qmail-send program at {case.host}.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{case.recipient}>:
127.0.0.1 does not like recipient.
Remote host said: {case.reply.code} {case.reply.text}
Giving up on 127.0.0.1.

--- Below this line is a copy of the message.

Return-Path: <{case.return_path}>
{case.original}
""")


def exim(case: BounceCase) -> bytes:
    """Write it as older Exim does: one text, the failed recipient in a header, no report part."""
    return to_wire(f"""\
Return-path: <>
Received: from Debian-exim by {case.host} with local (Exim 4.96)
	id 1vNx{case.mark[:6]}-0000{case.mark[6:8]}-2x
	for {case.return_path}; {case.date}
X-Failed-Recipients: {case.recipient}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@{case.host}>
To: {case.return_path}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1vNx{case.mark[:6]}@{case.host}>
Date: {case.date}

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {case.recipient}
    host {case.host} [127.0.0.1]
    SMTP error from remote mail server after RCPT TO:<{case.recipient}>:
    {case.reply.code} {case.reply.text}

------ This is a copy of the message's headers. ------

Return-path: <{case.return_path}>
{case.original}
""")


def yahoo(case: BounceCase) -> bytes:
    """Write it as an old web mailer did: text alone, the original below a dashed line."""
    return to_wire(f"""\
Return-Path: <>
From: MAILER-DAEMON@{case.domain}
To: {case.return_path}
Subject: Failure Notice
Date: {case.date}
X-Loop: MAILER-DAEMON@{case.domain}

Sorry, we were unable to deliver your message to the following address.

<{case.recipient}>:
{case.reply.code}: {case.reply.text}

--- Below this line is a copy of the message.

{case.original}
""")


def domino(case: BounceCase) -> bytes:
    """Write it as Domino does: the cause in the subject, fields with odd spelling, no headers of the original."""
    return to_wire(f"""\
Return-Path: <>
To: {case.return_path}
Subject: DELIVERY FAILURE: User {case.recipient} not listed in Domino Directory
MIME-Version: 1.0
From: Postmaster@{case.domain}
Date: {case.date}
Message-ID: <OF{case.mark}-ON{case.mark}@{case.host}>
Auto-Submitted: auto-generated
Content-Type: multipart/report; report-type=delivery-status; boundary="==IFJRGLKFGIR{case.mark}UHRUHIHD"

--==IFJRGLKFGIR{case.mark}UHRUHIHD
Content-Type: text/plain; charset=us-ascii

Your message

  Subject: (see the sender's copy)

was not delivered to:

  {case.recipient}

because:

  {case.reply.code} {case.status} {case.reply.text}

--==IFJRGLKFGIR{case.mark}UHRUHIHD
Content-Type: message/delivery-status

Reporting-MTA: dns;{case.host}

Final-Recipient: rfc822;{case.recipient}
Action: failed
Status: {case.status}
Diagnostic-Code: X-Notes; {case.reply.text}

--==IFJRGLKFGIR{case.mark}UHRUHIHD--
""")


def gateway(case: BounceCase) -> bytes:
    """Write it as a filtering gateway does: a report whose original is left out for safety."""
    return to_wire(f"""\
Return-Path: <>
From: "Mail Security" <postmaster@{case.host}>
To: {case.return_path}
Subject: [Postmaster] Email Delivery Failure
Date: {case.date}
Message-ID: <{case.mark}.dsn@{case.host}>
Auto-Submitted: auto-generated
X-Auto-Response-Suppress: All
MIME-Version: 1.0
Content-Type: multipart/report; boundary="----gw{case.mark}"; report-type="delivery-status"

------gw{case.mark}
Content-Type: text/plain; charset=UTF-8

This is a delivery failure notification message indicating that
an email you addressed to email address :
-- {case.recipient}

could not be delivered. The problem appears to be :
-- Recipient email server rejected the message

Additional information follows :
-- {case.reply.text}

This condition occurred after 1 attempt(s) to deliver over
a period of 0 hour(s).

------gw{case.mark}
Content-Type: message/delivery-status

Reporting-MTA: dns; {case.host}

Final-Recipient: rfc822; {case.recipient}
Action: failed
Status: {case.status}
Diagnostic-Code: smtp; {case.reply.code} {case.reply.text}

------gw{case.mark}--
""")
