"""Reports out of form, in other languages, and people's mail, made for tests."""

import base64
import quopri

from shaping import dsn, plain, shape, wrapped

SHAPES = (
    shape(
        "nested-forwarded",
        """
From: postmaster@relay.example
To: ops@sender.example
Subject: Fwd: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="OUT"

--OUT
Content-Type: text/plain

see attached
--OUT
Content-Type: message/rfc822

"""
        + dsn(
            "x",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; joe@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown
""",
        )
        + "\n--OUT--\n",
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "dsn-b64",
        dsn("x", "Content-Transfer-Encoding: X").replace(
            "Content-Type: message/delivery-status\n\nContent-Transfer-Encoding: X",
            "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(
                b"Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; joe@example.com\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 mailbox full\n"
            ).decode(),
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "dsn-textplain",
        dsn(
            "x",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; joe@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 mailbox full
""",
            ctype="text/plain; name=details.txt",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "dsn-status-only-comment",
        dsn(
            "x",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; Joe Doe <joe@example.com>
Action: Failed
Status: 5.4.7 (unable to deliver this message after 5 days)
""",
        ),
        rcpt=("joe@example.com",),
        reason="expired",
        status="5.4.7",
    ),
    shape(
        "dsn-no-status",
        dsn(
            "x",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; joe@example.com
Action: failed
Diagnostic-Code: smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1
""",
        ),
        rcpt=("joe@example.com",),
        reason="blocked",
        status="5.7.1",
    ),
    shape(
        "dsn-expanded-relayed",
        dsn(
            "x",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; joe@example.com
Action: relayed
Status: 2.1.9

Final-Recipient: rfc822; list@example.com
Action: expanded
Status: 2.1.5
""",
            subj="Delivery Status Notification (Relay)",
        ),
        rcpt=(
            "joe@example.com",
            "list@example.com",
        ),
        action=None,
    ),
    shape(
        "qp-soft",
        """
Return-Path: <>
From: =?utf-8?Q?Syst=C3=A8me_de_messagerie?= <postmaster@example.fr>
To: b-abc@bounce.sender.example
Subject: =?utf-8?Q?=C3=89chec_de_remise?=
MIME-Version: 1.0
Content-Type: text/plain; charset=iso-8859-15
Content-Transfer-Encoding: quoted-printable

"""
        + quopri.encodestring(
            "Votre message n'a pas pu être remis à joe@example.fr car la boîte aux lettres est pleine.\n".encode("iso-8859-15")
        ).decode(),
        rcpt=("joe@example.fr",),
        reason="mailboxfull",
    ),
    shape(
        "utf16-html",
        """
Return-Path: <>
From: Mail Delivery System <mailer-daemon@example.com>
To: b-abc@bounce.sender.example
Subject: Undeliverable
MIME-Version: 1.0
Content-Type: text/html; charset=utf-16
Content-Transfer-Encoding: base64

"""
        + wrapped("<p>Delivery to <b>joe@example.com</b> failed: 550 5.1.1 user unknown</p>", "utf-16"),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "shiftjis-raw",
        (
            b"Return-Path: <>\nFrom: MAILER-DAEMON@example.jp\nTo: b-abc@bounce.sender.example\nSubject: Returned mail\nMIME-Version: 1.0\nContent-Type: text/plain; charset=shift_jis\nContent-Transfer-Encoding: 8bit\n\n"
            + "メールを配信できませんでした。\n宛先: joe@example.jp\n理由: メールボックスの容量を超えています (552 5.2.2)\n".encode(
                "shift_jis"
            )
        ),
        rcpt=("joe@example.jp",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "turkish",
        plain(
            "Mail Delivery System <Mailer-Daemon@example.tr>",
            "Posta teslim edilemedi: iletiniz gönderene geri döndü",
            """
Aşağıdaki adrese iletiniz teslim edilemedi:

  joe@example.tr
    kullanıcı bulunamadı (550 5.1.1)
""",
        ),
        rcpt=("joe@example.tr",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "dutch",
        plain(
            "Mailer-Daemon@example.nl",
            "Bericht kon niet worden bezorgd",
            """
Uw bericht kon niet worden bezorgd aan:

<joe@example.nl>: mailbox is vol
""",
        ),
        rcpt=("joe@example.nl",),
        reason="mailboxfull",
    ),
    shape(
        "swedish",
        plain(
            "MAILER-DAEMON@example.se",
            "Meddelandet kunde inte levereras",
            """
Ditt meddelande kunde inte levereras till följande mottagare:

joe@example.se
Mottagaren finns inte.
""",
        ),
        rcpt=("joe@example.se",),
        reason="userunknown",
    ),
    shape(
        "hungarian",
        plain(
            "MAILER-DAEMON@example.hu",
            "Kézbesíthetetlen levél",
            """
Az üzenet kézbesítése nem sikerült az alábbi címre:

joe@example.hu
A postafiók megtelt.
""",
        ),
        rcpt=("joe@example.hu",),
        reason="mailboxfull",
    ),
    shape(
        "ukrainian",
        plain(
            "Mailer-Daemon@example.ua",
            "Повідомлення не доставлено",
            """
Ваше повідомлення не доставлено одержувачу:

joe@example.ua: користувача не знайдено
""",
        ),
        rcpt=("joe@example.ua",),
        reason="userunknown",
    ),
    shape(
        "vietnamese",
        plain(
            "Mailer-Daemon@example.vn",
            "Thư không gửi được",
            """
Thư của bạn không thể gửi đến địa chỉ sau:

joe@example.vn: 550 5.1.1 người dùng không tồn tại
""",
        ),
        rcpt=("joe@example.vn",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "parcel",
        "From: DHL <noreply@dhl.example>\nTo: news@sender.example\nSubject: Your parcel could not be delivered\n\nWe could not deliver your parcel 123 to 5 Main Street. Please contact service@dhl.example to arrange a new delivery.\n",
        kind="other",
    ),
    shape(
        "payment",
        "From: Stripe <noreply@stripe.example>\nTo: news@sender.example\nSubject: Payment failed\n\nA payment from joe@example.com failed: card declined.\n",
        kind="other",
    ),
    shape(
        "ticket",
        "From: Support <support@shop.example>\nTo: news@sender.example\nSubject: [Ticket#123] We received your message\nAuto-Submitted: auto-generated\n\nThank you for contacting us. Your request has been received and we will respond within 24 hours.\n",
        kind="autoreply|other",
    ),
    shape(
        "mailbox-warning",
        "From: IT <it@company.example>\nTo: ann@company.example\nSubject: Your mailbox is almost full\n\nYour mailbox has exceeded 90% of its quota. Please delete mail.\n",
        kind="other",
    ),
    shape(
        "postmaster-human",
        "From: Postmaster <postmaster@example.com>\nTo: abuse@sender.example\nSubject: Question about your mail server\n\nHi, we saw that your server 192.0.2.1 got 550 errors from us yesterday. Could you look? Our user joe@example.com says mail was not delivered.\n\nRegards, Tom\n",
        kind="other",
    ),
    shape(
        "ooo-postmaster",
        "Return-Path: <>\nFrom: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Re: Spring offers\nAuto-Submitted: auto-replied\nPrecedence: junk\n\nI am out of the office. If undeliverable please contact ann@example.com.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-left",
        "Return-Path: <>\nFrom: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Automatic reply: Spring offers\n\nJoe no longer works here. This mailbox is no longer monitored.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-jp",
        "From: =?utf-8?B?"
        + base64.b64encode("山田".encode()).decode()
        + "?= <y@example.jp>\nTo: news@sender.example\nSubject: =?utf-8?B?"
        + base64.b64encode("不在通知: Spring offers".encode()).decode()
        + "?=\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n本日は休暇をいただいております。\n",
        kind="autoreply",
    ),
    shape(
        "ooo-lt",
        "From: Jonas <j@example.lt>\nTo: news@sender.example\nSubject: Nesu biure: Spring offers\nX-Autoreply: yes\n\nAtostogauju iki pirmadienio.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-nl-nohdr",
        "From: Piet <p@example.nl>\nTo: news@sender.example\nSubject: Afwezig: Spring offers\n\nIk ben afwezig tot maandag.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-pl-nohdr",
        "From: Jan <j@example.pl>\nTo: news@sender.example\nSubject: Odp.: Spring offers - urlop\n\nPrzebywam na urlopie do 12 marca. W pilnych sprawach proszę o kontakt z biurem.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-cs-nohdr",
        "From: Jan <j@example.cz>\nTo: news@sender.example\nSubject: Mimo kancelář: Spring offers\n\nDěkuji za zprávu, jsem mimo kancelář.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-ru-nohdr",
        "From: Ivan <i@example.ru>\nTo: news@sender.example\nSubject: =?utf-8?B?"
        + base64.b64encode("Автоответ: Spring offers".encode()).decode()
        + "?=\n\nI am away\n",
        kind="autoreply",
    ),
    shape(
        "human-vac",
        "From: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Re: Spring offers\nIn-Reply-To: <b-abc123@bounce.sender.example>\n\nI'm on vacation next week, can you hold the order until then?\n\nJoe\n",
        kind="other",
    ),
    shape(
        "human-unsub-q",
        "From: Joe <joe@example.com>\nTo: news@sender.example\nSubject: How do I unsubscribe my colleague from the team plan?\n\nHello, how do I remove a colleague?\n",
        kind="other",
    ),
    shape(
        "tmda",
        'From: joe-confirm@example.com\nTo: news@sender.example\nSubject: Please confirm your message\nPrecedence: bulk\n\nThis message was created automatically by mail delivery software (TMDA).\n\nYour message attached below is being held because the address <news@sender.example> has not been verified.\n\nTo release your message for delivery, please send an empty message to the following address, or use your mailer\'s "Reply" feature.\n',
        kind="autoreply",
    ),
)
