"""Reports whose fields say little, or say it in a mail system's own frame, made for tests."""

from shaping import Shape, dsn, shape

_FAILED = "Final-Recipient: rfc822; joe@example.com\nAction: failed\n"


def _report(name: str, human: str, fields: str, reason: str, status: str | None = None, action: str = "failed") -> Shape:
    text = dsn(human, f"Reporting-MTA: dns; mx.example.com\n\n{fields}")
    return shape(name, text, rcpt=("joe@example.com",), reason=reason, status=status, action=action)


_REPORTS = (
    (
        "ironport-expired",
        "The following message to <joe@example.com> was undeliverable.\nThe reason for the problem:\n5.4.7 - Delivery expired (message too old) 'timeout'\n",
        _FAILED
        + "Status: 5.0.0 (permanent failure)\nDiagnostic-Code: smtp; 5.4.7 - Delivery expired (message too old) 'timeout' (delivery attempts: 12)\n",
        "expired",
        "5.4.7|5.0.0",
    ),
    (
        "ironport-host",
        "x",
        _FAILED
        + "Status: 5.0.0 (permanent failure)\nDiagnostic-Code: smtp; 5.1.2 - Bad destination host 'DNS Hard Error looking up example.com (MX):  NXDomain' (delivery attempts: 0)\n",
        "hostunknown",
        "5.1.2|5.0.0",
    ),
    (
        "ironport-soft",
        "x",
        _FAILED
        + "Status: 5.0.0 (permanent failure)\nDiagnostic-Code: smtp; 5.3.0 - Other mail system problem 552-'mailbox full'  (delivery attempts: 0)\n",
        "mailboxfull",
    ),
    (
        "ironport-msg",
        "x",
        _FAILED + "Status: 5.0.0\nDiagnostic-Code: smtp; 5.x.0 - Message bounced by administrator  (delivery attempts: 0)\n",
        "policyviolation|onhold|undefined|systemerror|rejected",
    ),
    ("no-diag-full", "Delivery to joe@example.com failed: the mailbox is full.\n", _FAILED, "mailboxfull"),
    (
        "no-diag-511",
        "Your mail could not be delivered because the address is unknown.\n",
        _FAILED + "Status: 5.1.1\n",
        "userunknown",
        "5.1.1",
    ),
    ("no-diag-expired", "The mail could not be delivered within 5 days.\n", _FAILED + "Status: 4.4.7\n", "expired", "4.4.7"),
    (
        "no-diag-000",
        "<joe@example.com>: host mx.example.com[192.0.2.1] said: 550 5.7.1 SPF check failed (in reply to MAIL FROM command)\n",
        _FAILED + "Status: 5.0.0\n",
        "authfailure",
        "5.7.1|5.0.0",
    ),
    (
        "domino-transient",
        "Your message was not delivered because: Error transferring to mx.example.com; SMTP Protocol Returned a Transient Error 451 4.7.1 Greylisted, try later\n",
        _FAILED
        + "Status: 4.0.0\nDiagnostic-Code: X-Notes; Error transferring to mx.example.com; SMTP Protocol Returned a Transient Error 451 4.7.1 Greylisted, try later\n",
        "blocked",
        "4.7.1",
    ),
    (
        "domino-quota",
        "x",
        _FAILED + "Status: 5.2.2\nDiagnostic-Code: X-Notes; joe/Example: Delivery failed, the mail database has exceeded its size quota\n",
        "mailboxfull",
        "5.2.2",
    ),
    (
        "exim-dsn-timeout",
        "x",
        _FAILED + "Status: 5.0.0\nRemote-MTA: dns; mx.example.com\nDiagnostic-Code: smtp; retry timeout exceeded\n",
        "expired",
    ),
    (
        "exim-dsn-relay",
        "x",
        _FAILED
        + "Status: 5.0.0\nDiagnostic-Code: smtp; 550-Please turn on SMTP Authentication in your mail client, or login to the\n 550-IMAP/POP3 server before sending your message.  host [192.0.2.1] is not permitted to\n 550 relay through this server without authentication.\n",
        "norelaying|securityerror",
    ),
    (
        "exim-verify",
        "x",
        _FAILED
        + "Status: 5.0.0\nDiagnostic-Code: smtp; 550-Verification failed for <news@sender.example>\n 550-No Such User Here\n 550 Sender verify failed\n",
        "rejected",
    ),
    (
        "exim-cpanel-max",
        "x",
        _FAILED
        + "Status: 5.0.0\nDiagnostic-Code: smtp; Domain sender.example has exceeded the max emails per hour (200/200 (100%)) allowed. Message discarded.\n",
        "speeding|toomanyconn",
    ),
    (
        "exim-maxdefers",
        "x",
        _FAILED
        + "Status: 5.0.0\nDiagnostic-Code: smtp; Domain sender.example has exceeded the max defers and failures per hour (5/5 (100%)) allowed.  Message discarded.\n",
        "speeding|toomanyconn",
    ),
    (
        "postfix-conn",
        "x",
        "Final-Recipient: rfc822; joe@example.com\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; connect to mx.example.com[192.0.2.1]:25: Connection refused\n",
        "networkerror|expired|blocked",
        "4.4.1",
    ),
    (
        "postfix-tls",
        "x",
        _FAILED + "Status: 4.7.4\nDiagnostic-Code: X-Postfix; TLS is required, but was not offered by host mx.example.com[192.0.2.1]\n",
        "failedstarttls",
        "4.7.4",
    ),
    (
        "postfix-cert",
        "x",
        _FAILED + "Status: 4.7.5\nDiagnostic-Code: X-Postfix; Server certificate not trusted\n",
        "failedstarttls",
        "4.7.5",
    ),
    (
        "postfix-size",
        "x",
        _FAILED
        + "Status: 5.3.4\nDiagnostic-Code: X-Postfix; message size 11534336 exceeds size limit 10240000 of server mx.example.com[192.0.2.1]\n",
        "mesgtoobig",
        "5.3.4",
    ),
    ("postfix-local", "x", _FAILED + 'Status: 5.1.1\nDiagnostic-Code: X-Postfix; unknown user: "joe"\n', "userunknown", "5.1.1"),
    ("postfix-pipe", "x", _FAILED + "Status: 5.3.0\nDiagnostic-Code: x-unix; Usage: filter [-f sender]\n", "mailererror", "5.3.0"),
    (
        "postfix-lmtp",
        "x",
        _FAILED
        + "Status: 5.2.2\nRemote-MTA: dns; mail.example.com\nDiagnostic-Code: smtp; 552 5.2.2 <joe@example.com> Quota exceeded (mailbox for user is full)\n",
        "mailboxfull",
        "5.2.2",
    ),
    (
        "postfix-loop",
        "x",
        _FAILED + "Status: 5.4.6\nDiagnostic-Code: X-Postfix; mail for example.com loops back to myself\n",
        "systemerror|networkerror",
        "5.4.6",
    ),
    (
        "postfix-bounced-verify",
        "x",
        _FAILED + "Status: 5.1.2\nDiagnostic-Code: X-Postfix; Invalid domain name: Domain name not found\n",
        "hostunknown",
    ),
    (
        "postfix-nullmx",
        "x",
        _FAILED + "Status: 5.1.0\nDiagnostic-Code: X-Postfix; Domain example.com does not accept mail (nullMX)\n",
        "notaccept",
        "5.1.0",
    ),
    (
        "postfix-dane",
        "x",
        _FAILED + "Status: 4.7.5\nDiagnostic-Code: X-Postfix; TLSA lookup error for mx.example.com:25\n",
        "failedstarttls",
        "4.7.5",
    ),
    (
        "sendmail-cc",
        "x",
        _FAILED
        + "Status: 5.2.1\nDiagnostic-Code: SMTP; 550 5.2.1 Mailbox unavailable. Your IP address 192.0.2.1 is blacklisted using CBL\n",
        "blocked",
    ),
    (
        "o365-long",
        "Delivery has failed to these recipients or groups:\njoe@example.com\nYour message couldn't be delivered to the recipient because you don't have permission to send to it. Ask the recipient's email admin to add you to the accept list for the recipient.\n",
        _FAILED
        + "Status: 5.7.133\nDiagnostic-Code: smtp;550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed because the sender was not authenticated when sending to this group\n",
        "rejected|securityerror|policyviolation",
        "5.7.133",
    ),
    (
        "o365-hop",
        "x",
        _FAILED
        + "Status: 5.4.14\nDiagnostic-Code: smtp;554 5.4.14 Hop count exceeded - possible mail loop ATTR34 [AM0EUR02FT034.eop-EUR02.prod.protection.outlook.com]\n",
        "networkerror",
        "5.4.14",
    ),
    (
        "ses-blocked",
        "x",
        _FAILED
        + "Status: 5.7.1\nDiagnostic-Code: smtp; 554 5.7.1 Service unavailable; Client host [54.240.1.1] blocked using Barracuda Reputation\n",
        "blocked",
        "5.7.1",
    ),
    (
        "quota-warn",
        "This is a warning: the message will be retried.",
        "Final-Recipient: rfc822; joe@example.com\nAction: delayed\nStatus: 4.2.2\nDiagnostic-Code: smtp; 452 4.2.2 Mailbox full\n",
        "mailboxfull",
        "4.2.2",
        "delayed",
    ),
)
SHAPES = tuple(_report(*one) for one in _REPORTS)
