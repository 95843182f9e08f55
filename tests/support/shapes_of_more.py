"""Gateways, providers, more languages, and people's mail, made for tests."""

from shaping import ORIG, dsn, plain, shape

SHAPES = (
    shape(
        "mailfoundry",
        plain(
            "<>",
            "Message delivery has failed",
            """
This is a MIME encoded message

Unable to deliver message to: <joe@example.com>
Delivery failed for the following reason:
Server mx22.example.com[192.0.2.222] failed with: 550 <joe@example.com> No such user here

This has been a permanent failure.  No further delivery attempts will be made.
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown|filtered",
    ),
    shape(
        "biglobe",
        plain(
            "<MAILER-DAEMON@biglobe.example>",
            "Returned mail: Delivery problem",
            """
   ----- The following addresses had delivery problems -----
joe@biglobe.example

   ----- Non-delivered information -----
The number of messages in recipient's mailbox exceeded the local limit.

   ----- Original message follows -----
"""
            + ORIG,
        ),
        rcpt=("joe@biglobe.example",),
        reason="mailboxfull",
    ),
    shape(
        "qmail-x4",
        plain(
            "MAILER-DAEMON@mx.example.net",
            "failure notice",
            """
We're sorry. There's a problem with the e-mail address(es) listed below:

<joe@example.com>:
Mailbox currently suspended - Please contact correspondance@example.com

--- Below this line is a copy of the message.
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="suspend",
    ),
    shape(
        "zimbra",
        dsn(
            "This is the mail system at host zimbra.example.com.",
            """Reporting-MTA: dns; zimbra.example.com

Final-Recipient: rfc822; joe@example.com
Original-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.2.2
Remote-MTA: dns; mailbox.zimbra.example.com
Diagnostic-Code: smtp; 552 5.2.2 Over quota
""",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "dovecot-lda",
        dsn(
            "Your message to <joe@example.com> was automatically rejected: Quota exceeded (mailbox for user is full)",
            """Reporting-MTA: dns; mail.example.com
Original-Recipient: rfc822; joe@example.com
Final-Recipient: rfc822; joe@example.com
Action: failed
Status: 5.2.2
""",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "dovecot-mdn-reject",
        """
Return-Path: <>
From: Mail Delivery Subsystem <postmaster@mail.example.com>
To: b-abc@bounce.sender.example
Subject: Rejected: Spring offers
Auto-Submitted: auto-replied (rejected)
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="BB"

--BB
Content-Type: text/plain

Your message to <joe@example.com> was automatically rejected:
Quota exceeded
--BB
Content-Type: message/disposition-notification

Reporting-UA: mail.example.com; Dovecot Mail Delivery Agent
Final-Recipient: rfc822; joe@example.com
Disposition: automatic-action/MDN-sent-automatically; deleted

--BB--
""",
        kind="mdn",
    ),
    shape(
        "iis",
        dsn(
            "This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.\n\n       joe@example.com\n",
            """Reporting-MTA: dns;srv.example.net
Received-From-MTA: dns;mail.sender.example
Arrival-Date: Mon, 4 Mar 2024 10:00:00 +0100

Final-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.1.1
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "hotmail-550",
        dsn(
            "This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.\n\n       joe@hotmail.example\n",
            """Reporting-MTA: dns;BAY0-MC1-F1.Bay0.example
Final-Recipient: rfc822;joe@hotmail.example
Action: failed
Status: 5.5.0
Diagnostic-Code: smtp;550 Requested action not taken: mailbox unavailable (-2019901852:4030:-2147467259)
""",
        ),
        rcpt=("joe@hotmail.example",),
        status="5.5.0",
        reason="userunknown|filtered",
    ),
    shape(
        "o365-fr",
        dsn(
            "Votre message envoyé à joe@example.com n'a pas pu être remis.",
            """Reporting-MTA: dns;PR0P264MB1.FRAP264.PROD.OUTLOOK.COM

Final-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp;550 5.7.1 RESOLVER.RST.AuthRequired; authentication required [Stage: CreateMessage]
""",
            subj="Non remis : Spring offers",
        ),
        rcpt=("joe@example.com",),
        reason="securityerror|policyviolation|rejected",
        status="5.7.1",
    ),
    shape(
        "exchange-plain-ja",
        plain(
            "Microsoft Outlook <postmaster@example.jp>",
            "配信不能: Spring offers",
            """
次の受信者またはグループへの配信に失敗しました:

joe@example.jp
入力した電子メール アドレスが見つかりませんでした。

管理者向け診断情報:
生成サーバー: ex.example.jp

joe@example.jp
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##
""",
        ),
        rcpt=("joe@example.jp",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "exchange2003-two",
        plain(
            "System Administrator <postmaster@example.com>",
            "Undeliverable: Spring offers",
            """
Your message

  To:      joe@example.com; ann@example.com
  Subject: Spring offers
  Sent:    Mon, 4 Mar 2024 10:00:00 +0100

did not reach the following recipient(s):

joe@example.com on Mon, 4 Mar 2024 10:00:05 +0100
    The recipient has no mailbox space left
    <mail.example.com #5.2.2>
ann@example.com on Mon, 4 Mar 2024 10:00:05 +0100
    The e-mail account does not exist at the organization this message was sent to.
    <mail.example.com #5.1.1>
""",
        ),
        rcpt=(
            "joe@example.com",
            "ann@example.com",
        ),
    ),
    shape(
        "gmail-de",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            """
** Adresse nicht gefunden **

Ihre Nachricht wurde nicht an joe@example.com zugestellt, weil die Adresse nicht gefunden wurde oder keine E-Mails empfangen kann.

Die Antwort vom Remote-Server lautete:

550 5.1.1 <joe@example.com>: Recipient address rejected: User unknown in virtual mailbox table
""",
            "X-Failed-Recipients: joe@example.com\nAuto-Submitted: auto-replied\n",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "gmail-full",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            """
** Recipient inbox full **

Your message couldn't be delivered to joe@gmail.com. Their inbox is full, or it's getting too much mail right now.

The response was:

The email account that you tried to reach is over quota.
""",
            "X-Failed-Recipients: joe@gmail.com\n",
        ),
        rcpt=("joe@gmail.com",),
        reason="mailboxfull",
    ),
    shape(
        "gmail-blocked",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            """
** Message blocked **

Your message to joe@example.com has been blocked. See technical details below for more information.

The response from the remote server was:

554 5.7.1 <joe@example.com>: Relay access denied
""",
            "X-Failed-Recipients: joe@example.com\n",
        ),
        rcpt=("joe@example.com",),
        reason="norelaying",
        status="5.7.1",
    ),
    shape(
        "gmail-incomplete",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Delay)",
            """
** Delivery incomplete **

There was a temporary problem delivering your message to joe@example.com. Gmail will retry for 47 more hours. You'll be notified if the delivery fails permanently.

The response was:

The recipient server did not accept our requests to connect. Learn more at https://support.google.com/mail/answer/7720
[mx.example.com 192.0.2.1: timed out]
""",
            "X-Failed-Recipients: joe@example.com\n",
        ),
        rcpt=("joe@example.com",),
        reason="networkerror|expired",
        action="delayed",
    ),
    shape(
        "sunims-text",
        plain(
            "Internet Mail Delivery <postmaster@ims.example.com>",
            "Delivery Notification: Delivery has failed",
            """
This report relates to a message you sent with the following header fields:

  Message-id: <b-abc123@bounce.sender.example>
  Date: Mon, 4 Mar 2024 10:00:00 +0100
  From: News <news@sender.example>
  To: Joe <joe@example.com>
  Subject: Spring offers

Your message cannot be delivered to the following recipients:

  Recipient address: joe@example.com
  Reason: Over quota
""",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "mailmarshal",
        plain(
            "MAILER-DAEMON@mm.example.com",
            'Undeliverable Mail: "Spring offers"',
            """
Your message:
   From:    news@sender.example
   Subject: Spring offers

Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    joe@example.com
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "surfcontrol",
        plain(
            "Postmaster <postmaster@sc.example.com>",
            "SurfControl E-mail Filter: Non-Delivery",
            """
Your message could not be sent.
A transcript of the attempts to send the message follows.
The number of attempts made: 1
Addressed To: joe@example.com

Mon 4 Mar 2024 10:00:00 +0100
Failed to send to identified host,
joe@example.com: [192.0.2.1], 550 kijitora@example.com... No such user

--- Message non-deliverable.
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown|filtered",
    ),
    shape(
        "interscan",
        plain(
            "postmaster@imss.example.com",
            "Mail delivery failed",
            """
The following message could not be delivered:

Sent <<< RCPT TO:<joe@example.com>
Received >>> 550 5.1.1 <joe@example.com>... user unknown

Unable to deliver message to <joe@example.com>.
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "mcafee",
        dsn(
            "The original message was received...",
            """Reporting-MTA: dns; mcafee.example.com

Original-Recipient: <joe@example.com>
Final-Recipient: rfc822;<joe@example.com>
Action: failed
Diagnostic-Code: smtp; 550 Unknown user joe@example.com
Status: 5.1.1
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "ezweb",
        plain(
            "Postmaster@ezweb.example",
            "Mail System Error - Returned Mail",
            """
This Message was undeliverable due to the following reason:

Each of the following recipients was rejected by a remote mail server.

    Recipient: <joe@ezweb.example>
    >>> RCPT TO:<joe@ezweb.example>
    <<< 550 <joe@ezweb.example>: User unknown

Please reply to Postmaster@ezweb.example
if you feel this message to be in error.
""",
        ),
        rcpt=("joe@ezweb.example",),
        reason="userunknown",
    ),
    shape(
        "fml",
        plain(
            "dev-admin@lists.example.jp",
            "NOT MEMBER article from news@sender.example",
            """
Your mail is not sent to the members of the list dev@lists.example.jp,
since your address <news@sender.example> is not a member.
""",
        ),
        kind="other|bounce|autoreply",
    ),
    shape(
        "mailman-hold",
        plain(
            "dev-bounces@lists.example.org",
            "Your message to Dev awaits moderator approval",
            """
Your mail to 'Dev' with the subject

    Spring offers

Is being held until the list moderator can review it for approval.

The reason it is being held:

    Post by non-member to a members-only list
""",
            "X-List-Administrivia: yes\nPrecedence: bulk\nAuto-Submitted: auto-replied\n",
        ),
        kind="other|autoreply",
    ),
    shape(
        "mailman-disabled",
        plain(
            "dev-bounces@lists.example.org",
            "Bounce action notification",
            """
This is a Mailman mailing list bounce action notice:

    List:       dev
    Member:     joe@example.com
    Action:     Subscription disabled.
    Reason:     Excessive or fatal bounces.

The triggering bounce notice is attached below.
""",
            "X-List-Administrivia: yes\nPrecedence: bulk\n",
        ),
        kind="other|autoreply|bounce",
    ),
    shape(
        "ezmlm-warning",
        plain(
            "dev-help@lists.example.org",
            "ezmlm warning",
            """
Hi! This is the ezmlm program. I'm managing the
dev@lists.example.org mailing list.

Messages to you from the dev mailing list seem to
have been bouncing. I've attached a copy of the first bounce
message I received.
""",
            "Precedence: bulk\nMailing-List: contact dev-help@lists.example.org; run by ezmlm\n",
        ),
        kind="other|autoreply",
    ),
    shape(
        "googlegroups",
        plain(
            "Mail Delivery Subsystem <mailer-daemon@google.com>",
            "Delivery Status Notification (Failure)",
            """
Hello news@sender.example,

We're writing to let you know that the group you tried to contact (dev) may not exist, or you may not have permission to post messages to the group.

If you have questions related to this or any other Google Group, visit the Help Center at https://groups.google.com/support/.
""",
            "X-Failed-Recipients: dev@googlegroups.example\n",
        ),
        rcpt=("dev@googlegroups.example",),
        reason="rejected",
    ),
)
