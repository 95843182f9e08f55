"""Bounces of groupware and commercial mail suites, made for tests."""

from shaping import ORIG, dsn, plain, shape

SHAPES = (
    shape(
        "exchange365",
        dsn(
            """Your message to joe@example.com couldn't be delivered.

joe wasn't found at example.com.
""",
            """Reporting-MTA: dns;AM0PR01MB1234.eurprd01.prod.exchangelabs.com
Received-From-MTA: dns;mail.sender.example
Arrival-Date: Mon, 4 Mar 2024 09:00:00 +0000

Final-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient joe@example.com not found by SMTP address lookup
""",
            frm="postmaster@example.com",
            subj="Undeliverable: Spring offers",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.10",
    ),
    shape(
        "exchange365-quota-german",
        dsn(
            """Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:

joe@example.com
Das Postfach des Empfängers ist voll und kann zurzeit keine Nachrichten annehmen.
""",
            """Reporting-MTA: dns;AM0PR01MB1234.eurprd01.prod.exchangelabs.com

Final-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp;554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot open mailbox
""",
            frm="Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>",
            subj="Unzustellbar: Spring offers",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "exchange2003",
        plain(
            "System Administrator <postmaster@example.com>",
            "Undeliverable: Spring offers",
            """
Your message

  To:      joe@example.com
  Subject: Spring offers
  Sent:    Mon, 4 Mar 2024 10:00:00 +0100

did not reach the following recipient(s):

joe@example.com on Mon, 4 Mar 2024 10:00:05 +0100
    The e-mail account does not exist at the organization this message was
sent to.  Check the e-mail address, or contact the recipient directly to
find out the correct address.
    <mail.example.com #5.1.1>
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "domino",
        dsn(
            """Your message

  Subject: Spring offers

was not delivered to:

  joe@example.com

because:

  User joe (joe@example.com) not listed in Domino Directory
""",
            """Reporting-MTA: dns;domino.example.com

Final-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: X-Notes; User joe (joe@example.com) not listed in Domino Directory
""",
            frm="Postmaster@example.com",
            subj="DELIVERY FAILURE: User joe (joe@example.com) not listed in Domino Directory",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "opensmtpd",
        plain(
            "Mailer Daemon <MAILER-DAEMON@openbsd.example.org>",
            "Delivery status notification: error",
            """
    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

joe@example.com: 550 5.1.1 Recipient address rejected: User unknown

    Below is a copy of the original message:
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "courier",
        plain(
            '"Courier mail server at mail.example.org" <@>',
            "NOTICE: mail delivery status.",
            """
This is a delivery status notification from mail.example.org,
running the Courier mail server, version 0.70.

The original message was received on Mon, 4 Mar 2024 10:00:00 +0100
from mail.sender.example (mail.sender.example [192.0.2.7])

---------------------------------------------------------------------------

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<joe@example.com>:
     mx.example.com [192.0.2.1]:
>>> RCPT TO:<joe@example.com>
<<< 550 User unknown.

---------------------------------------------------------------------------

If your message was also sent to additional recipients, their delivery
status is not included in this report.
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "gmail-plain",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            """
** Address not found **

Your message wasn't delivered to joe@example.com because the address couldn't be found, or is unable to receive mail.

The response from the remote server was:
550 5.1.1 User unknown
""",
            "X-Failed-Recipients: joe@example.com\nAuto-Submitted: auto-replied\n",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "gmail-old-temp",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Delay)",
            """
This is an automatically generated Delivery Status Notification

THIS IS A WARNING MESSAGE ONLY.

YOU DO NOT NEED TO RESEND YOUR MESSAGE.

Delivery to the following recipient has been delayed:

     joe@example.com

Message will be retried for 2 more day(s)

Technical details of temporary failure:
The recipient server did not accept our requests to connect. [mx.example.com. (1): Connection timed out]

----- Original message -----
"""
            + ORIG,
            "X-Failed-Recipients: joe@example.com\n",
        ),
        rcpt=("joe@example.com",),
        action="delayed",
        reason="networkerror|expired",
    ),
    shape(
        "yahoo",
        plain(
            "MAILER-DAEMON@yahoo.com",
            "Failure Notice",
            """
Sorry, we were unable to deliver your message to the following address.

<joe@example.com>:
No mx record found for domain=example.com

--- Below this line is a copy of the message.
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="hostunknown|notaccept",
    ),
    shape(
        "mdaemon",
        plain(
            "MDaemon at example.org <MDaemon@example.org>",
            "Permanent Delivery Failure",
            """
--------------------------------------------------------------------------
The following addresses had permanent delivery errors:
--------------------------------------------------------------------------

joe@example.com

--------------------------------------------------------------------------
Transcript of session follows:
--------------------------------------------------------------------------

Session Transcript:
Attempting SMTP connection to [192.0.2.1:25]
Waiting for SMTP connection
--> MAIL FROM:<b-abc@bounce.sender.example>
<-- 250 OK
--> RCPT TO:<joe@example.com>
<-- 550 5.1.1 No such user here
--> QUIT
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "imail",
        plain(
            "Postmaster <postmaster@imail.example.com>",
            "Undeliverable Mail",
            """
Unknown user: joe@example.com

Original message follows.
"""
            + ORIG,
            "X-Mailer: <SMTP32 v8.22>\n",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "mailenable",
        plain(
            "Postmaster <postmaster@me.example.com>",
            "Message Delivery Failure",
            """
Message could not be delivered to some recipients.
The following recipient(s) could not be reached:

	Recipient: [SMTP:joe@example.com]
	Reason: Remote SMTP Server Returned: 550 No such user here

MailEnable
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "kerio",
        plain(
            "Postmaster <postmaster@kerio.example.com>",
            "Delivery failure",
            """
Your message was not delivered to the following recipients:

joe@example.com: 550 5.1.1 User unknown
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "communigate",
        plain(
            "Mailer-Daemon@cgp.example.com",
            "Undeliverable mail: Spring offers",
            """
Failed to deliver to 'joe@example.com'
LOCAL module(account joe) reports:
 account is full (quota exceeded)
""",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "groupwise",
        dsn(
            "The message that you sent was undeliverable to the following:\n\tjoe@example.com (user not found)",
            """Reporting-MTA: dns; gw.example.com

Final-Recipient: rfc822; joe@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 not found
""",
            frm="postmaster@gw.example.com",
            subj="Message status - undeliverable",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "sunms",
        dsn(
            """This report relates to a message you sent with the following header fields:

  Message-id: <b-abc123@bounce.sender.example>

Your message cannot be delivered to the following recipients:

  Recipient address: joe@example.com
  Reason: Remote SMTP server has rejected address
  Diagnostic code: smtp;550 5.1.1 unknown or illegal alias: joe@example.com
  Remote system: dns;mx.example.com
""",
            """Reporting-MTA: dns;ims.example.com (tcp-daemon)

Original-recipient: rfc822;joe@example.com
Final-recipient: rfc822;joe@example.com
Action: failed
Status: 5.1.1 (Remote SMTP server has rejected address)
Remote-MTA: dns;mx.example.com
 (TCP|192.0.2.2|1234|192.0.2.1|25)
Diagnostic-code: smtp;550 5.1.1 unknown or illegal alias: joe@example.com
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "tonline",
        plain(
            "T-Online <mailer-daemon@t-online.example>",
            "Nachricht nicht zustellbar",
            """
Hallo,

Ihre E-Mail konnte leider nicht zugestellt werden.

|------------------------- Message log follows: -------------------------|
 no valid recipients were found for this message
|------------------------- Failed addresses follow: ---------------------|
 <joe@t-online.example> ... unknown user
|------------------------- Message text follows: ------------------------|
"""
            + ORIG,
        ),
        rcpt=("joe@t-online.example",),
        reason="userunknown",
    ),
)
