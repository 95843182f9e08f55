"""Complaints as providers report them: ARF (RFC 5965) and the older form of a bare forwarded letter."""

from __future__ import annotations

from posthouse.sending.simulator.bounces.case import BounceCase, to_wire


def arf(case: BounceCase) -> bytes:
    """Write an ARF complaint; the recipient is redacted, as RFC 6590 allows, so only the sender's own ids lead back."""
    return to_wire(f"""\
From: <feedback@arf.{case.domain}>
To: <{case.return_path}>
Subject: FW: {case.subject}
Date: {case.date}
Message-ID: <{case.mark}.arf@{case.host}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
	boundary="arf_{case.mark}"

--arf_{case.mark}
Content-Type: text/plain; charset="UTF-8"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received
on {case.date}.

--arf_{case.mark}
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Feedback-Loop/2.0
Version: 1
Original-Rcpt-To: redacted@{case.domain}
Arrival-Date: {case.date}
Source-IP: 127.0.0.1
Reported-Domain: {case.host}
Authentication-Results: {case.host}; dkim=pass

--arf_{case.mark}
Content-Type: message/rfc822
Content-Disposition: inline

{case.original}

--arf_{case.mark}--
""")


def jmrp(case: BounceCase) -> bytes:
    """Write a complaint as one big provider does: no report part, the recipient in a header of the forwarded letter."""
    return to_wire(f"""\
From: <staff@{case.domain}>
To: <{case.return_path}>
Subject: complaint about message from 127.0.0.1
Date: {case.date}
Message-ID: <{case.mark}.jmrp@{case.host}>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="jmrp_{case.mark}"

--jmrp_{case.mark}
Content-Type: message/rfc822
Content-Disposition: inline

X-HmXmrOriginalRecipient: {case.recipient}
X-MS-Exchange-EOPDirect: true
{case.original}

--jmrp_{case.mark}--
""")


SHAPES = {"arf": arf, "jmrp": jmrp}
