"""The tests' own mails of every kind, as bytes."""

from __future__ import annotations

import domain_reports
import letters
import more_bounces
import written_bounces


def all_of_them() -> list[bytes]:
    """Bounces in many servers' words, reports of every form, complaints, answers."""
    written = [
        f"From: {who}\nSubject: {subject}\n\n{words}".encode()
        for _, who, subject, words, _ in (*written_bounces.BOUNCES, *more_bounces.MORE)
    ]
    reports = [
        domain_reports.dmarc(),
        domain_reports.tls(),
        domain_reports.zipped(("a.xml", domain_reports.dmarc())),
        *(domain_reports.mail(form) for form in domain_reports.FORMS.values()),
    ]
    letters_of_ours = [letters.dsn(), letters.dsn("delayed"), letters.arf(), letters.arf("not-spam"), letters.vacation(), letters.qmail()]
    return [*written, *reports, *letters_of_ours]
