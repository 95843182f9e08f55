"""Read TLS reports (RFC 8460 4.4): JSON, as strictly as the world allows."""

import json
from datetime import UTC, datetime
from typing import Any

from posthouse.inbound.parsing.report_cards import TlsFailure, TlsPolicy, TlsReport

SIZE_LIMIT = 2 * 1024 * 1024  # bytes of JSON; a report with a thousand policies is a tenth of it
POLICY_LIMIT = 1_000
FAILURE_LIMIT = 1_000
TEXT_LIMIT = 500
COUNT_LIMIT = 10**12
TIME_LIMIT = 4_102_444_800  # 2100; no report is about a time after it


def read_tls(data: bytes) -> TlsReport | None:
    """The TLS report in an unpacked file; None when it is none. Never raises, for any bytes."""
    if data.lstrip()[:1] != b"{" and data[:4] != b"\xef\xbb\xbf{":
        return None
    if len(data) > SIZE_LIMIT:
        return TlsReport(org="", contact="", report_id="", begin=0, end=0, policies=(), trouble="size")
    try:
        found = json.loads(data.decode("utf-8-sig", "replace"), parse_constant=_nothing)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("policies"), list):
        return None
    span = _dict(found.get("date-range"))
    return TlsReport(
        org=_text(found.get("organization-name")),
        contact=_text(found.get("contact-info")),
        report_id=_text(found.get("report-id")),
        begin=_seconds(span.get("start-datetime")),
        end=_seconds(span.get("end-datetime")),
        policies=tuple(_policy(_dict(policy)) for policy in found["policies"][:POLICY_LIMIT]),
        trouble="policies" if len(found["policies"]) > POLICY_LIMIT else None,
    )


def _policy(entry: dict[str, Any]) -> TlsPolicy:
    policy, summary = _dict(entry.get("policy")), _dict(entry.get("summary"))
    details = entry.get("failure-details")
    return TlsPolicy(
        domain=_text(policy.get("policy-domain")).lower().rstrip(".") or None,
        kind=_text(policy.get("policy-type")),
        success=_count(summary.get("total-successful-session-count")),
        failure=_count(summary.get("total-failure-session-count")),
        failures=tuple(_failure(_dict(one)) for one in details[:FAILURE_LIMIT]) if isinstance(details, list) else (),
    )


def _failure(entry: dict[str, Any]) -> TlsFailure:
    return TlsFailure(
        kind=_text(entry.get("result-type")),
        sending_ip=_text(entry.get("sending-mta-ip")),
        receiving_host=_text(entry.get("receiving-mx-hostname")),
        sessions=_count(entry.get("failed-session-count")),
    )


def _nothing(_name: str) -> None:
    # NaN and Infinity are no JSON (RFC 8259 6).
    return None


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:TEXT_LIMIT]


def _count(value: object) -> int:
    return min(max(value, 0), COUNT_LIMIT) if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(value: object) -> int:
    try:
        at = datetime.fromisoformat(str(value)[:40])
        seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
        return seconds if 0 <= seconds < TIME_LIMIT else 0
    except (ValueError, OverflowError):
        return 0
