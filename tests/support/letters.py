"""Mail as machines and people write it, made up for the tests."""

TOKEN = "abcdefgh234567abcdefgh234567abcdefgh234567ab"
RETURN_PATH = f"{TOKEN}@bounce.mail.example"

DSN = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut here"

--cut here
Content-Type: text/plain; charset=us-ascii

I am sorry to have to inform you that your message could not be delivered.

<ann@example.net>: host mx.example.net[192.0.2.7] said: 550 5.1.1
    <ann@example.net>: no such user (in reply to RCPT TO command)

--cut here
Content-Type: message/delivery-status

Reporting-MTA: dns; out.example.org

Final-Recipient: rfc822; ann@example.net
Original-Recipient: rfc822;Ann@example.net
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@example.net>: no such user

--cut here
Content-Type: message/rfc822

Return-Path: <{to}>
Message-ID: <{token}@mail.example>
From: news@shop.example
To: ann@example.net
Subject: Hello

Hello Ann
--cut here--
"""

ARF = """\
From: fbl@provider.example
To: fbl@mail.example
Subject: FW: Hello
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report for a message received from IP 192.0.2.1.
--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Provider/1.0
Version: 1
Source-IP: 192.0.2.1
{extra}
--b
Content-Type: message/rfc822

Return-Path: <{token}@bounce.mail.example>
Feedback-ID: 1:2:{token}:sender
From: news@shop.example
To: redacted
Subject: Hello

Hello
--b--
"""

VACATION = """\
From: Ann <ann@example.net>
To: {token}@bounce.mail.example
Subject: {subject}
{extra}In-Reply-To: <x@mail.example>

I am away until Monday.
"""

REPLY = """\
From: Ann <ann@example.net>
To: shop@shop.example
Subject: Re: Hello
In-Reply-To: <{token}@mail.example>

Thank you! By the way, last week I got this from another shop:

> This is the mail system at host mx.example.net.
> <bob@example.net>: 550 5.1.1 user unknown (in reply to RCPT TO command)
"""

QMAIL = """\
From: MAILER-DAEMON@mail.example.net
To: {token}@bounce.mail.example
Subject: failure notice

Hi. This is the qmail-send program at mail.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ann@example.net>:
The user's mailbox is over quota. (#5.2.2)

<bob@example.net>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <{token}@bounce.mail.example>
Message-ID: <{token}@mail.example>
From: news@shop.example
To: carol@example.net
Subject: Hello

Hello
"""


REPLY = REPLY.replace("{token}", TOKEN)


def dsn(action: str = "failed", to: str = RETURN_PATH, *, token: str = TOKEN, recipient: str = "ann@example.net") -> bytes:
    """A DSN for one recipient, with CRLF."""
    return DSN.format(action=action, to=to, token=token).replace("ann@example.net", recipient).replace("\n", "\r\n").encode()


def qmail(token: str = TOKEN) -> bytes:
    """A bounce written for people, about two recipients."""
    return QMAIL.replace("{token}", token).encode()


def arf(kind: str = "abuse", extra: str = "Original-Rcpt-To: <ann@example.net>\n", *, token: str = TOKEN) -> bytes:
    """A complaint."""
    return ARF.format(kind=kind, extra=extra, token=token).encode()


def vacation(subject: str = "Out of office", extra: str = "Auto-Submitted: auto-replied\n", *, token: str = TOKEN) -> bytes:
    """An automatic answer."""
    return VACATION.format(subject=subject, extra=extra, token=token).encode()
