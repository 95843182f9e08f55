"""Bounces of older and rarer mail systems, without a return path, made for tests."""

from shaping import ORIG, plain, shape


def _letter(body: str, frm: str = "Postmaster <postmaster@mx.example.com>", subj: str = "Returned mail", extra: str = "") -> str:
    return plain(frm, subj, f"\n{body}", extra).replace("Return-Path: <>\n", "")


SHAPES = (
    shape(
        "list-failed",
        _letter("Hello,\n\nhere is your list of failed recipients:\n\n<joe@example.com>\n\nhere is your returned mail:\n" + ORIG),
        rcpt=("joe@example.com",),
    ),
    shape(
        "had-errors",
        _letter(
            "   ----- The following addresses had permanent fatal errors -----\n<joe@example.com>\n    (expanded from: <joe.doe@example.com>)\n\n   ----- Transcript of session follows -----\n550 <joe@example.com>... User unknown\n"
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "interscan-nt",
        _letter(
            "****** Message from InterScan E-Mail VirusWall NT ******\n\nSent <<< RCPT TO:<joe@example.com>\nReceived >>> 550 no such user\n\nUnable to deliver message to <joe@example.com> (and other recipients in the same domain).\n\n******* End of message *******\n"
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "smail",
        _letter(
            "|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n joe@example.com ... transport smtp: 550 unknown user\n|------------------------- Message text follows: ------------------------|\n"
            + ORIG,
            subj="mail failed, returning to sender",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "newmail",
        _letter(
            "This is the machine generated message from mail service.\n\nUnable to deliver mail to:\n\n<joe@example.com>: no such user\n\n--- Below the next line is a copy of the message.\n"
            + ORIG
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "mdaemon-old",
        _letter(
            "The following addresses did NOT receive a copy of your message:\n\n> joe@example.com\n\n--- Session Transcript ---\n Mon 2001-10-15 12:00:00: <-- 550 user unknown\n",
            frm="MDaemon@mx.example.com",
            subj="Message Delivery Failure",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "usa-net",
        _letter("Intended recipient: joe@example.com\n\nMailbox is full.\n\n--------RETURNED MAIL FOLLOWS--------\n" + ORIG),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "hotpop",
        _letter("Undeliverable Address: joe@example.com\nReason: The mailbox is over quota\n\nOriginal message attached\n"),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "compuserve",
        _letter(
            "Your message could not be delivered for the following reason:\n\nReceiver not found: joe@example.com\n",
            subj="Undeliverable message",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "caiwireless",
        _letter(
            "Your message\n\n To: joe@example.com\n Subject: Spring offers\n\ndid not reach the following recipient(s):\n\njoe@example.com on Mon, 4 Mar 2002 10:00:00 -0500\n    The recipient name is not recognized\n"
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "smtp32-size",
        _letter("User mailbox exceeds allowed size: joe@example.com\n", subj="Undeliverable Mail", extra="X-Mailer: <SMTP32 v20010411>\n"),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "smtp32-undeliv",
        _letter("undeliverable to joe@example.com\n\nOriginal message follows.\n" + ORIG, subj="Undeliverable Mail"),
        rcpt=("joe@example.com",),
    ),
    shape(
        "smtp32-attempts",
        _letter("The attempts failed: joe@example.com\nCannot resolve domain\n", subj="Undeliverable Mail"),
        rcpt=("joe@example.com",),
    ),
    shape(
        "netscape",
        _letter(
            "This Message was undeliverable due to the following reason:\n\nThe following destination addresses were unknown (please check\nthe addresses and re-mail the message):\n\nSMTP <joe@example.com>\n\nPlease reply to Postmaster@mx.example.com\nif you feel this message to be in error.\n",
            subj="Mail System Error - Returned Mail",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "netscape-account",
        _letter(
            "This Message was undeliverable due to the following reason:\n\nThe user(s) account is temporarily over quota.\n\n<joe@example.com>\n\nPlease reply to <Postmaster@mx.example.com>\nif you feel this message to be in error.\n",
            subj="Mail System Error - Returned Mail",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "yahoo-old",
        _letter(
            "Message from yahoo.com.\nUnable to deliver message to the following address(es).\n\n<joe@yahoo.com>:\n209.191.68.1 does not like recipient.\nRemote host said: 554 delivery error: dd This user doesn't have a yahoo.com account (joe@yahoo.com) [0]\nGiving up on 209.191.68.1.\n\n--- Original message follows.\n"
            + ORIG,
            frm="MAILER-DAEMON@yahoo.com",
            subj="Delivery failure",
        ),
        rcpt=("joe@yahoo.com",),
    ),
    shape(
        "exim-all",
        _letter(
            'This message was created automatically by mail delivery software (Exim).\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  joe@example.com\n    unknown local-part "joe" in domain "example.com"\n  ann@example.com:\n    user is over quota\n\n------ This is a copy of the message, including all the headers. ------\n'
            + ORIG,
            frm="Mail Delivery System <Mailer-Daemon@mx.example.com>",
        ),
        rcpt=(
            "joe@example.com",
            "ann@example.com",
        ),
    ),
    shape(
        "groupwise-plain",
        _letter(
            "The message that you sent was undeliverable to the following:\n\n\tjoe (joe@example.com) (user not found)\n\nPossibly truncated original message follows:\n"
            + ORIG,
            subj="Message status - undeliverable",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "lotus",
        _letter(
            "Your message\n\n  Subject: Spring offers\n\nwas not delivered to:\n\n  joe@example.com\n\nbecause:\n\n  Router: Failed to connect to SMTP host mx.example.com because : The server is not responding.\n",
            subj="DELIVERY FAILURE: Router: Failed to connect",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "sendgrid-list",
        _letter(
            "This is an automatically generated message from SendGrid.\n\nI'm sorry to have to tell you that your message was not able to be delivered to one of its intended recipients.\n\nIf you require assistance with this, please contact SendGrid support.\n\njoe@example.com: 550 5.1.1 user unknown\n",
            frm="MAILER-DAEMON@sendgrid.net",
            subj="Undelivered Mail Returned to Sender",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "xfinity-text",
        _letter(
            "This message was created automatically by mail delivery software.\n\nYour message to <joe@comcast.net> was rejected.\nThe response was: 550 5.1.1 Not our Customer\n",
            subj="Delivery failure",
        ),
        rcpt=("joe@comcast.net",),
        reason="userunknown",
    ),
    shape(
        "ms-smtpsvc-plain",
        _letter(
            "This is an automatically generated Delivery Status Notification.\n\nUnable to deliver message to the following recipients, due to being unable to connect successfully to the destination mail server.\n\n       joe@example.com\n",
            subj="Delivery Status Notification (Failure)",
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "postfix-plain-two",
        _letter(
            "This is the mail system at host mx.example.com.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\n<joe@example.com>: host mx1.example.com[192.0.2.1] said: 550 5.1.1 User\n    unknown (in reply to RCPT TO command)\n\n<ann@example.com> (expanded from <staff@example.com>): mail for example.com\n    loops back to myself\n",
            frm="MAILER-DAEMON@mx.example.com (Mail Delivery System)",
            subj="Undelivered Mail Returned to Sender",
        ),
        rcpt=(
            "joe@example.com",
            "ann@example.com",
        ),
    ),
    shape(
        "qmail-two",
        _letter(
            "Hi. This is the qmail-send program at mx.example.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<joe@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n<ann@example.com>:\nuser is over quota (#5.2.2)\n\n--- Below this line is a copy of the message.\n"
            + ORIG,
            frm="MAILER-DAEMON@mx.example.com",
            subj="failure notice",
        ),
        rcpt=(
            "joe@example.com",
            "ann@example.com",
        ),
    ),
    shape(
        "critical-path",
        _letter("Your mail to the following recipient(s) could not be delivered:\n\n  <joe@example.com> (mailbox unknown)\n"),
        rcpt=("joe@example.com",),
    ),
    shape(
        "sympatico",
        _letter(
            "Failed to deliver to '<joe@example.com>'\nSMTP module(domain mx.example.com) reports:\n host mx.example.com says:\n 550 5.1.1 unknown\n",
            frm="<MAILER-DAEMON@cgp.example.com>",
            subj="Undeliverable mail",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "vpopmail",
        _letter(
            "Hi. This is the deliver program at mx.example.com.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n<joe@example.com>\nmailbox is full\n",
            frm="MAILER-DAEMON@mx.example.com",
            subj="failure notice",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
    shape(
        "pp-x400",
        _letter(
            "This message was created automatically.\n\nThe following message could not be delivered to joe@example.com because of the following error:\n  Unable to transfer: address unknown\n"
        ),
        rcpt=("joe@example.com",),
    ),
    shape(
        "angle-mailto",
        _letter(
            "Delivery has failed to these recipients or groups:\n\njoe@example.com<mailto:joe@example.com>\nThe email address you entered couldn't be found.\n\nDiagnostic information for administrators:\n\nGenerating server: ex.example.com\n\njoe@example.com\nRemote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'\n",
            subj="Undeliverable: Spring offers",
        ),
        rcpt=("joe@example.com",),
        reason="userunknown",
    ),
    shape(
        "display-name",
        _letter(
            "Delivery has failed to these recipients or groups:\n\nJoe Doe (joe@example.com)\nThe recipient's mailbox is full.\n",
            subj="Undeliverable: Spring offers",
        ),
        rcpt=("joe@example.com",),
        reason="mailboxfull",
    ),
)
