"""Read a mail that came in: the ordered list of questions, the first yes decides."""

import re
from collections.abc import Callable
from dataclasses import replace

from posthouse.inbound.parsing.arf import is_authentication_notice, read_feedback, written_as
from posthouse.inbound.parsing.attachments import may_hold_report, read_attached, read_report_file
from posthouse.inbound.parsing.autoreply import is_auto_reply, is_marked_automatic, speaks_automatically
from posthouse.inbound.parsing.bounces import farewell, looks_returned, read_status_report, read_written_report
from posthouse.inbound.parsing.cards import Feedback, Kind, Understood
from posthouse.inbound.parsing.ids import find_ids, of_address
from posthouse.inbound.parsing.letter import Letter, read_letter
from posthouse.inbound.parsing.notices import complaint_of, outcomes_of, read_notice
from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport
from posthouse.inbound.parsing.unsubscribe import asks_to_leave
from posthouse.inbound.parsing.xarf import read_xarf

_DMARC = re.compile(r"report[ _-]?domain:|dmarc aggregate|\bdmarc\b.{0,40}report|report.{0,40}\bdmarc\b", re.IGNORECASE)


def read(raw: bytes, envelope_recipients: tuple[str, ...] = ()) -> Understood:
    """Understand a mail: pure, never raises, for any bytes; it decides nothing about whether the mail may be believed.

    `envelope_recipients` are the addresses of RCPT, empty when unknown. The order of questions matters: reports are often
    marked as automatic answers too, so they are asked for first.
    """
    alone = read_report_file(raw)
    if alone is not None:
        return _report(alone, "report-file")
    letter = read_letter(raw)
    found = next(
        (answer for ask in QUESTIONS if (answer := ask(letter, envelope_recipients)) is not None), Understood(Kind.UNKNOWN, "nothing-known")
    )
    return replace(
        found,
        subject=letter.subject,
        sender=letter.sender,
        ids=find_ids(letter, envelope_recipients),
        automatic=is_marked_automatic(letter),
        trouble=letter.mail.trouble or found.trouble,
    )


def _notice(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    notice = read_notice(letter)
    if notice is None:
        return None
    feedback = complaint_of(notice)
    if feedback is not None:
        return Understood(Kind.COMPLAINT, "ses-notice", feedback=feedback)
    outcomes = outcomes_of(notice)
    return Understood(Kind.BOUNCE, "ses-notice", outcomes=tuple(outcomes)) if outcomes else None


def _complaint(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    feedback = read_feedback(letter)
    if feedback is not None:
        return Understood(Kind.COMPLAINT, "feedback-report" if letter.feedback_parts else "provider-form", feedback=feedback)
    extended = read_xarf(letter)
    if extended is not None:
        return Understood(Kind.COMPLAINT, "xarf", feedback=extended)
    if is_authentication_notice(letter):
        return Understood(Kind.COMPLAINT, "authentication-notice", feedback=Feedback("auth-failure", domains=written_as(letter, [])))
    return None


def _receipt(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    is_receipt = letter.report_type == "disposition-notification" or any(
        part.content_type == "message/disposition-notification" for part in letter.mail.parts
    )
    return Understood(Kind.RECEIPT, "disposition-notification") if is_receipt else None


def _attached(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    if letter.status_parts:
        return None  # a returned mail may bring anything in its original
    report = read_attached(letter)
    if report is not None:
        return _report(report, "report-attached")
    if letter.report_type == "tlsrpt" or any(part.content_type.startswith("application/tlsrpt") for part in letter.mail.parts):
        return Understood(Kind.TLS_REPORT, "tlsrpt-type")
    packed = any(may_hold_report(part) for part in letter.mail.parts)
    return Understood(Kind.DMARC_REPORT, "dmarc-subject") if packed and _DMARC.search(letter.subject) else None


def _report(report: DmarcReport | TlsReport, rule: str) -> Understood:
    kind = Kind.DMARC_REPORT if isinstance(report, DmarcReport) else Kind.TLS_REPORT
    return Understood(kind, rule, report=report, trouble=report.trouble, automatic=True)


def _status_report(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    outcomes = read_status_report(letter) if letter.status_parts else []
    return Understood(Kind.BOUNCE, "delivery-status", outcomes=tuple(outcomes)) if outcomes else None


def _written_report(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    if not letter.status_parts and (not looks_returned(letter) or _answers_automatically(letter)):
        return None
    return Understood(Kind.BOUNCE, "written-report", outcomes=tuple(read_written_report(letter)))


def _answers_automatically(letter: Letter) -> bool:
    return speaks_automatically(letter) and not letter.get("x-failed-recipients") and letter.report_type != "delivery-status"


def _auto_reply(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    return Understood(Kind.AUTO_REPLY, "automatic-answer", outcomes=tuple(farewell(letter))) if is_auto_reply(letter) else None


def _unsubscribe(letter: Letter, envelope: tuple[str, ...]) -> Understood | None:
    if any((found := of_address(address)) and found[0] == "unsubscribe" for address in envelope):
        return Understood(Kind.UNSUBSCRIBE, "unsubscribe-address")
    return Understood(Kind.UNSUBSCRIBE, "asks-to-leave") if asks_to_leave(letter) and not is_marked_automatic(letter) else None


def _reply(letter: Letter, _envelope: tuple[str, ...]) -> Understood | None:
    answers = letter.get("in-reply-to") or re.match(r"\s*(?:re|aw|sv|antw)\s*:", letter.subject, re.IGNORECASE)
    return Understood(Kind.REPLY, "answers-a-mail") if answers and not is_marked_automatic(letter) else None


QUESTIONS: tuple[Callable[[Letter, tuple[str, ...]], Understood | None], ...] = (
    _notice,
    _complaint,
    _receipt,
    _attached,
    _status_report,
    _written_report,
    _auto_reply,
    _unsubscribe,
    _reply,
)
"""Asked in this order; each looks at one thing."""
