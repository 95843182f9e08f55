"""Bounces of mail servers by name, made for tests."""

from shaping import ORIG, dsn, plain, shape

SHAPES = (
    shape(
        "postfix-dns",
        dsn(
            "<joe@example.com>: Host or domain name not found. Name service error for name=example.com type=A: Host not found",
            """Reporting-MTA: dns; mx.example.com
X-Postfix-Queue-ID: 4ABC
X-Postfix-Sender: rfc822; b-abc@bounce.sender.example
Arrival-Date: Mon,  4 Mar 2024 10:00:00 +0100 (CET)

Final-Recipient: rfc822; joe@example.com
Original-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.4.4
Diagnostic-Code: X-Postfix; Host or domain name not found. Name service error
    for name=example.com type=A: Host not found
""",
        ),
        rcpt=("joe@example.com",),
        reason="hostunknown",
        status="5.4.4",
    ),
    shape(
        "postfix-two",
        dsn(
            "two",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; a@example.com
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx1.example.com
Diagnostic-Code: smtp; 550 5.1.1 <a@example.com>: Recipient address rejected:
    User unknown in virtual mailbox table

Final-Recipient: rfc822; b@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 Over quota
""",
        ),
        rcpt=(
            "a@example.com",
            "b@example.com",
        ),
        reason="userunknown|mailboxfull",
    ),
    shape(
        "postfix-delay",
        dsn(
            "delayed",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; joe@example.com
Action: delayed
Status: 4.4.1
Diagnostic-Code: X-Postfix; connect to mail.example.com[192.0.2.1]:25: Connection timed out
Will-Retry-Until: Fri,  8 Mar 2024 10:00:00 +0100 (CET)
""",
            subj="Delayed Mail (still being retried)",
        ),
        rcpt=("joe@example.com",),
        action="delayed",
        status="4.4.1",
        reason="expired|networkerror",
    ),
    shape(
        "success",
        dsn(
            "ok",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; joe@example.com
Action: delivered
Status: 2.1.5
""",
            subj="Successful Mail Delivery Report",
        ),
        rcpt=("joe@example.com",),
        action="delivered",
        status="2.1.5",
    ),
    shape(
        "exim",
        plain(
            "Mail Delivery System <Mailer-Daemon@host.example.net>",
            "Mail delivery failed: returning message to sender",
            """
This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  joe@example.com
    host mx.example.com [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<joe@example.com>:
    550 5.1.1 <joe@example.com>: Recipient address rejected: User unknown

------ This is a copy of the message, including all the headers. ------
"""
            + ORIG,
            "X-Failed-Recipients: joe@example.com\nAuto-Submitted: auto-replied\n",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "exim-customised-german",
        plain(
            "Mail Delivery System <Mailer-Daemon@host.example.de>",
            "Zustellung fehlgeschlagen",
            """
Diese Nachricht wurde automatisch erstellt.

Ihre Nachricht konnte an die folgenden Adressen nicht zugestellt werden:

  joe@example.com
    mailbox is full: retry timeout exceeded

------ Kopie der Nachricht ------
"""
            + ORIG,
            "X-Failed-Recipients: joe@example.com\nAuto-Submitted: auto-replied\n",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "exim-delay",
        plain(
            "Mail Delivery System <Mailer-Daemon@host.example.net>",
            "Warning: message 1abc-0002-XY delayed 24 hours",
            """
This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on host.example.net.

The message identifier is:     1abc-0002-XY
The subject of the message is: Spring offers
The date of the message is:    Mon, 4 Mar 2024 10:00:00 +0100

The address to which the message has not yet been delivered is:

  joe@example.com
    host mx.example.com [192.0.2.1]
    Delay reason: SMTP error from remote mail server after initial connection:
    421 Too many connections

No action is required on your part. Delivery attempts will continue for
some time, and this warning may be repeated at intervals if the message
remains undelivered. Eventually the mail delivery software will give up,
and when that happens, the message will be returned to you.
""",
            "Auto-Submitted: auto-replied\n",
        ),
        rcpt=("joe@example.com",),
        reason="toomanyconn",
        action="delayed",
    ),
    shape(
        "qmail",
        plain(
            "MAILER-DAEMON@mail.example.org",
            "failure notice",
            """
Hi. This is the qmail-send program at mail.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<joe@example.com>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 The email account that you tried to reach does not exist.
Giving up on 192.0.2.1.

--- Below this line is a copy of the message.

Return-Path: <b-abc@bounce.sender.example>
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "qmail-local",
        plain(
            "MAILER-DAEMON@mail.example.org",
            "failure notice",
            """
Hi. This is the qmail-send program at mail.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<joe@example.org>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""
            + ORIG,
        ),
        rcpt=("joe@example.org",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "qmail-custom-spanish",
        plain(
            "MAILER-DAEMON@correo.example.es",
            "aviso de fallo",
            """
Hola. Este es el programa qmail-send en correo.example.es.
Lamento informarle que no me ha sido posible entregar su mensaje a las siguientes direcciones.
Este es un error permanente; me he rendido.

<joe@example.es>:
La cuenta de correo ha superado su cuota de disco. (#5.2.2)

--- Debajo de esta linea hay una copia del mensaje.
"""
            + ORIG,
        ),
        rcpt=("joe@example.es",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "sendmail-v5",
        plain(
            "Mail Delivery Subsystem <MAILER-DAEMON@unix.example.edu>",
            "Returned mail: User unknown",
            """
   ----- Transcript of session follows -----
While talking to mx.example.com:
>>> RCPT To:<joe@example.com>
<<< 550 <joe@example.com>... User unknown
550 joe@example.com... User unknown

   ----- Unsent message follows -----
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "sendmail8-plain",
        plain(
            "Mail Delivery Subsystem <MAILER-DAEMON@unix.example.edu>",
            "Returned mail: see transcript for details",
            """
The original message was received at Mon, 4 Mar 2024 10:00:00 +0100
from mail.sender.example [192.0.2.7]

   ----- The following addresses had permanent fatal errors -----
<joe@example.com>
    (reason: 550 5.2.1 <joe@example.com>... Mailbox disabled for this recipient)

   ----- Transcript of session follows -----
... while talking to mx.example.com.:
>>> DATA
<<< 550 5.2.1 <joe@example.com>... Mailbox disabled for this recipient
550 5.2.1 <joe@example.com>... Mailbox disabled for this recipient

   ----- Message header follows -----
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="suspend",
        status="5.2.1",
    ),
    shape(
        "sendmail-warning",
        plain(
            "Mail Delivery Subsystem <MAILER-DAEMON@unix.example.edu>",
            "Warning: could not send message for past 4 hours",
            """
    **********************************************
    **      THIS IS A WARNING MESSAGE ONLY      **
    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **
    **********************************************

The original message was received at Mon, 4 Mar 2024 10:00:00 +0100
from mail.sender.example [192.0.2.7]

   ----- Transcript of session follows -----
<joe@example.com>... Deferred: Connection timed out with mx.example.com.
Warning: message still undelivered after 4 hours
Will keep trying until message is 5 days old
""",
        ),
        rcpt=("joe@example.com",),
        action="delayed",
        reason="expired|networkerror",
    ),
)
