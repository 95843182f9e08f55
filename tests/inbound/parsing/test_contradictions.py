"""Where a report's Status and its text disagree, the text decides what happened; where it says nothing, the Status does."""

from __future__ import annotations

import pytest

from posthouse.inbound.parsing.reading import read

REPORT = """From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: news@shop.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

Your message was not delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; kim@example.org
Action: failed
Status: {status}
{diagnostic}
--b1--
"""
SAID = [
    ("mailboxfull", "5.0.0", "smtp; 550 4.2.2 mailbox full"),
    ("mailboxfull", "5.1.1", "smtp; 550 5.1.1 <kim@example.org> mailbox is over quota"),
    ("userunknown", "5.2.1", "smtp; 550 5.2.1 no such user"),
    ("userunknown", "5.1.1", "x-unix; user unknown"),
    ("networkerror", "4.4.1", "X-Postfix; connect to mx.example.org[192.0.2.1]:25: No route to host"),
    ("expired", "4.4.1", "X-Postfix; connect to mx.example.org[192.0.2.1]:25: Connection timed out"),
    ("mailererror", "5.2.0", "X-Unix; 77"),
    ("rejected", "5.1.0", "smtp; 550 5.1.0 <news@shop.example>: Sender address rejected: User unknown in virtual alias table"),
    ("mesgtoobig", "5.2.2", "smtp; 552 5.2.2 message size exceeds fixed limit of 10 MB"),
    ("virusdetected", "5.7.0", "smtp; 554 5.7.0 INFECTED: Eicar-Signature"),
    ("suppressed", "5.1.1", "smtp; 550 5.1.1 address is on the suppression list"),
    ("systemfull", "4.3.1", "smtp; 452 4.3.1 try later"),
    ("hostunknown", "5.1.2", ""),
    ("expired", "5.4.7", ""),
]


@pytest.mark.parametrize(("reason", "status", "diagnostic"), SAID, ids=[f"{one[0]}-{one[1]}" for one in SAID])
def test_the_words_come_before_the_code(reason: str, status: str, diagnostic: str) -> None:
    """RFC 3464 2.3.4 wants a status of every reporter; many fill it in without thought."""
    raw = REPORT.format(status=status, diagnostic=f"Diagnostic-Code: {diagnostic}\n" if diagnostic else "")
    assert [(one.recipient, one.reason) for one in read(raw.encode()).outcomes] == [("kim@example.org", reason)]
