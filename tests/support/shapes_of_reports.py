"""Odd reports, other languages and charsets, and mail that is no bounce, made for tests."""

from shaping import ORIG, dsn, plain, shape, word, wrapped

_JA = "次の宛先へのメールは配信できませんでした。\n\njoe@example.jp\n\n理由: 550 5.1.1 宛先不明 (User unknown)\n"
_ZH = "很抱歉，您的邮件被退回，原因如下：\n\n收件人: joe@example.cn\n退信原因: 收件人邮箱已满 (552 5.2.2 mailbox is full)\n"
_RU = "Ваше сообщение не доставлено следующим адресатам:\n\njoe@example.ru: пользователь не найден\n"

SHAPES = (
    shape(
        "rfc6533",
        dsn(
            "oops",
            """Reporting-MTA: dns; mx.example.com

Original-Recipient: utf-8;j\\x{F6}rg@example.com
Final-Recipient: utf-8;jörg@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
""",
            ctype="message/global-delivery-status",
        ),
        rcpt=("jörg@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "xtext-only-original",
        dsn(
            "oops",
            """Reporting-MTA: dns; mx.example.com

Original-Recipient: rfc822;joe+2Btag@example.com
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 mailbox full
""",
        ),
        rcpt=("joe+tag@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "x400-final",
        dsn(
            "oops",
            """Reporting-MTA: dns; mx.example.com

Original-Recipient: rfc822;joe@example.com
Final-Recipient: x400; /C=DE/A=VIAT/P=EX/S=joe/
Action: failed
Status: 5.1.1
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "x-actual",
        dsn(
            "oops",
            """Reporting-MTA: dns; mx.example.com

Final-Recipient: RFC822; <joe@example.com>
X-Actual-Recipient: RFC822; joseph@inner.example.com
Action: failed (bounced)
Status: 5.1.1 (bad destination mailbox address)
Diagnostic-Code: SMTP; 550 5.1.1
 <joseph@inner.example.com>...
 User unknown
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "no-mime-minimal",
        plain(
            "postmaster@tiny.example",
            "Mail could not be delivered",
            """
Your mail to joe@example.com could not be delivered.

Reason: 550 mailbox unavailable (no such account)
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "html-only",
        plain(
            "Mail Delivery System <noreply@host.example>",
            "Delivery failed",
            """
<html><body><p>Delivery to the following recipient failed permanently:</p><p><b>joe@example.com</b></p>
<p>Technical details: <i>550&nbsp;5.2.2 Mailbox&nbsp;full</i></p></body></html>
""",
            "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "japanese-iso2022",
        plain(
            "MAILER-DAEMON@mail.example.jp",
            word("配信エラー", "ISO-2022-JP"),
            "\n" + _JA.encode("iso-2022-jp").decode("ascii"),
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-2022-jp\n",
        ),
        rcpt=("joe@example.jp",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "chinese-gb2312-b64",
        plain(
            "postmaster@mail.example.cn",
            word("系统退信", "gb2312"),
            "\n" + wrapped(_ZH, "gb2312"),
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n",
        ),
        rcpt=("joe@example.cn",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "russian-koi8",
        plain(
            "Mailer-Daemon@mail.example.ru",
            word("Сообщение не доставлено", "koi8-r"),
            "\n" + wrapped(_RU, "koi8-r"),
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n",
        ),
        rcpt=("joe@example.ru",),
        reason="userunknown",
    ),
    shape(
        "zhtw-big5",
        plain(
            "postmaster@mail.example.tw",
            word("無法傳送郵件", "big5"),
            "\n" + wrapped("您的郵件無法傳送至下列收件者：\n\njoe@example.tw\n\n原因：使用者不存在\n", "big5"),
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=big5\nContent-Transfer-Encoding: base64\n",
        ),
        rcpt=("joe@example.tw",),
        reason="userunknown",
    ),
    shape(
        "french-orange",
        plain(
            "MAILER-DAEMON@smtp.example.fr",
            "Message non distribué",
            """
Bonjour,

Votre message n'a pas pu être remis aux destinataires suivants :

<joe@example.fr> : boîte aux lettres inexistante (550 5.1.1)
""",
        ),
        rcpt=("joe@example.fr",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "italian",
        plain(
            "MAILER-DAEMON@smtp.example.it",
            "Mancato recapito",
            """
Il messaggio non ha potuto essere recapitato al seguente destinatario:

joe@example.it
    552 5.2.2 Casella piena
""",
        ),
        rcpt=("joe@example.it",),
        reason="mailboxfull",
        status="5.2.2",
    ),
    shape(
        "polish",
        plain(
            "Mailer-Daemon@poczta.example.pl",
            "Niedostarczona wiadomość",
            """
Wiadomość nie mogła zostać dostarczona do:

joe@example.pl
Skrzynka odbiorcy jest przepełniona.
""",
        ),
        rcpt=("joe@example.pl",),
        reason="mailboxfull",
    ),
    shape(
        "portuguese",
        plain(
            "Mailer-Daemon@correio.example.br",
            "Falha na entrega da mensagem",
            """
A sua mensagem não pôde ser entregue ao destinatário abaixo:

joe@example.br: usuário inexistente
""",
        ),
        rcpt=("joe@example.br",),
        reason="userunknown",
    ),
    shape(
        "korean-naver",
        plain(
            "Naver <mailer-daemon@naver.example>",
            "메일 발송 실패 안내",
            """
메일 발송에 실패하였습니다.

받는사람 : joe@naver.example
실패 사유 : 받는 사람의 메일 주소가 존재하지 않습니다. (550 5.1.1)
""",
        ),
        rcpt=("joe@naver.example",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "barracuda-dsn",
        dsn(
            "The following message to <joe@example.com> was undeliverable.\nThe reason for the problem:\n5.1.0 - Unknown address error 550-'5.1.1 <joe@example.com> User Unknown'",
            """Reporting-MTA: dns; ironport.example.com

Final-Recipient: rfc822;joe@example.com
Action: failed
Status: 5.0.0 (permanent failure)
Remote-MTA: dns; [192.0.2.1]
Diagnostic-Code: smtp; 5.1.0 - Unknown address error 550-'5.1.1 <joe@example.com> User Unknown' (delivery attempts: 0)
""",
            subj="Delivery Status Notification (Failure)",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1|5.1.0|5.0.0",
    ),
    shape(
        "mimecast",
        dsn(
            "held",
            """Reporting-MTA: dns; eu-smtp-1.mimecast.com

Final-Recipient: rfc822; joe@example.com
Action: failed
Status: 5.0.0
Diagnostic-Code: smtp; 550 Rejected by header based manually Blocked Senders - https://community.mimecast.com/docs/DOC-1369#550
""",
        ),
        rcpt=("joe@example.com",),
        reason="rejected|policyviolation|blocked|spamdetected",
        status="5.0.0",
    ),
    shape(
        "ses",
        dsn(
            "An error occurred while trying to deliver the mail to the following recipients:\njoe@example.com",
            """Reporting-MTA: dsn; a8-31.smtp-out.amazonses.com

Final-Recipient: rfc822; joe@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 user unknown
""",
            frm="MAILER-DAEMON@amazonses.com",
            subj="Delivery Status Notification (Failure)",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "james",
        plain(
            "Postmaster <postmaster@james.example.org>",
            "Re: Spring offers",
            """
Hi. This is the James mail server at james.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.  Below
I include the list of recipients and the reason why I was unable to deliver
your message.

Failed recipient(s):
joe@example.com

Error message:
550 5.1.1 unknown user
""",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
        status="5.1.1",
    ),
    shape(
        "xmail",
        plain(
            "postmaster@xmail.example.org",
            "Error sending message [1234.abc] from [xmail.example.org]",
            """
[00] XMail bounce: Rcpt=[joe@example.com];Error=[550 Mailbox unavailable]

[01] Error sending message [1234.abc] from [xmail.example.org].

ID:        <S1234>
Mail From: <b-abc@bounce.sender.example>
Rcpt To:   <joe@example.com>
Server:    <mx.example.com> [192.0.2.1]

[02] The reason of the delivery failure was:

550 Mailbox unavailable

[05] Here is listed the initial part of the message:
"""
            + ORIG,
        ),
        rcpt=("joe@example.com",),
        reason="userunknown|filtered",
    ),
    shape(
        "ooo-de",
        plain(
            "Anna Muster <anna@example.de>",
            "Abwesenheitsnotiz: Spring offers",
            """
Ich bin bis zum 15. März nicht im Büro.
""",
        ),
        kind="autoreply",
    ),
    shape(
        "ooo-fi",
        "From: Matti <matti@example.fi>\nTo: news@sender.example\nSubject: Poissaolo: Spring offers\nAuto-Submitted: auto-replied\n\nOlen lomalla.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-nohdr-es",
        "From: Ana <ana@example.es>\nTo: news@sender.example\nSubject: Respuesta automática: Spring offers\n\nEstoy de vacaciones.\n",
        kind="autoreply",
    ),
    shape(
        "ooo-nohdr-sv",
        "From: Ana <ana@example.se>\nTo: news@sender.example\nSubject: Autosvar: Spring offers\n\nJag är på semester till 3 augusti.\n",
        kind="autoreply",
    ),
    shape(
        "challenge",
        "From: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Please confirm your message\n\nI use a spam blocker. Click the link below to confirm that you are a real person, so that your message is delivered.\nhttp://x.example/confirm/123\n",
        kind="autoreply",
    ),
    shape(
        "human",
        "From: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Re: Spring offers\nIn-Reply-To: <b-abc123@bounce.sender.example>\n\nHi, thanks, could I get this in blue?\n\nOn Mon, News wrote:\n> Hello Joe\n",
        kind="other",
    ),
    shape(
        "human-quotes-bounce",
        "From: Joe <joe@example.com>\nTo: support@sender.example\nSubject: Fwd: Undelivered Mail Returned to Sender\n\nHi support, I got this back when I wrote to you. What's wrong?\n\n---------- Forwarded message ---------\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.com>\nSubject: Undelivered Mail Returned to Sender\n\n<x@sender.example>: host mx.sender.example said: 550 5.1.1 User unknown (in reply to RCPT TO command)\n",
        kind="other",
    ),
    shape(
        "human-about-full",
        "From: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Re: Your mailbox is full\n\nmy mailbox was full for a week, it works now. please send it again\n",
        kind="other",
    ),
    shape(
        "mdn",
        "From: Joe <joe@example.com>\nTo: news@sender.example\nSubject: Read: Spring offers\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=disposition-notification; boundary=B\n\n--B\nContent-Type: text/plain\n\nYour message was read.\n--B\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;joe@example.com\nDisposition: manual-action/MDN-sent-automatically; displayed\n--B--\n",
        kind="mdn",
    ),
    shape(
        "listserv-notice",
        "From: mailman-bounces@lists.example.org\nTo: news@sender.example\nSubject: Your message to dev awaits moderator approval\nAuto-Submitted: auto-replied\nPrecedence: bulk\n\nYour mail to 'dev' with the subject\n\n    Spring offers\n\nIs being held until the list moderator can review it for approval.\n",
        kind="other|autoreply|unknown",
    ),
)
