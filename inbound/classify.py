"""Say what samples of mail are, one JSON line each: for measuring, without database or network."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from posthouse.inbound.parsing.cards import Kind, Understood
from posthouse.inbound.parsing.headers import addresses
from posthouse.inbound.parsing.reading import read
from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport
from posthouse.inbound.providers.cards import HookRequest
from posthouse.inbound.providers.catalogue import of_path
from posthouse.inbound.providers.values import Unreadable
from posthouse.platform.errors import Invalid
from posthouse.sending.replies.cards import Stage
from posthouse.sending.replies.reading import find_stage
from posthouse.sending.replies.rules import classify


def run(manifest: Path) -> int:
    """Print what each sample of a manifest (JSON lines with `id`, `file` and sometimes `kind`) is. Raises: Invalid."""
    for sample in _samples(manifest):
        raw = (manifest.parent / str(sample["file"])).read_bytes()
        sys.stdout.write(json.dumps({"id": sample["id"], **_answer(sample, raw)}, ensure_ascii=True) + "\n")
    return 0


def _samples(manifest: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lines = manifest.read_text(encoding="utf-8").split("\n")
    except OSError as problem:
        raise Invalid("manifest_unreadable", f"The manifest cannot be read: {problem.strerror}.") from problem
    yield from (json.loads(line) for line in lines if line.strip())


def _answer(sample: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
    if sample.get("kind") == "smtpreply":
        return _reply(raw.decode("utf-8", "replace"))
    if sample.get("kind") == "webhook":
        return _hook(sample, raw)
    return _mail(read(raw))


def _reply(text: str) -> dict[str, Any]:
    # A reply by itself that speaks of a recipient answered RCPT, unless it says otherwise.
    told = classify(0, None, text, stage=find_stage(text) or Stage.RCPT)
    return {
        "kind": "smtpreply",
        "action": str(told.action),
        "status": told.status,
        "class": str(told.class_) if told.class_ else None,
        "reason": told.reason,
        "hard": told.hard,
        "rule": told.rule,
    }


def _mail(found: Understood) -> dict[str, Any]:
    kinds = {Kind.UNSUBSCRIBE: Kind.UNKNOWN, Kind.REPLY: Kind.UNKNOWN}
    answer: dict[str, Any] = {"kind": str(kinds.get(found.kind, found.kind)), "rule": found.rule}
    if found.outcomes:
        answer["events"] = [
            {
                "recipient": one.recipient,
                "action": one.action,
                "status": one.status,
                "class": str(one.class_),
                "reason": one.reason,
                "hard": one.hard,
                "suppress": one.suppress,
                "rule": one.rule,
                "text": one.text,
            }
            for one in found.outcomes
        ]
        answer["recipients"] = [one.recipient for one in found.outcomes if one.recipient]
    if found.report is not None:
        answer |= _report(found.report)
    if found.kind is Kind.AUTO_REPLY:
        answer["recipients"] = addresses(found.sender)[:1]
    if found.feedback is not None:
        answer |= {
            "feedback_type": found.feedback.kind,
            "source_ip": found.feedback.source_ip,
            "recipients": list(found.feedback.recipients),
        }
    return answer


def _report(report: DmarcReport | TlsReport) -> dict[str, Any]:
    named = {"org": report.org, "report_id": report.report_id, "domain": report.domain, "begin": report.begin, "end": report.end}
    if isinstance(report, DmarcReport):
        return {**named, "records": len(report.rows), "messages": report.messages}
    return {
        **named,
        "policies": len(report.policies),
        "success": sum(policy.success for policy in report.policies),
        "failure": sum(policy.failure for policy in report.policies),
    }


def _hook(sample: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
    asked = sample.get("request", {})
    provider = of_path(str(asked.get("path", "")))
    if provider is None:
        return {"kind": "webhook", "recipients": [], "events": []}
    headers = {str(name).lower(): str(value) for name, value in asked.get("headers", {}).items()}
    try:
        events = provider.read(HookRequest(str(asked["path"]), str(asked.get("content_type", "")), headers, raw))
    except Unreadable:
        events = []
    return {
        "kind": "webhook",
        "esp": provider.title,
        "recipients": [event.recipient for event in events if event.recipient],
        "events": [
            {"event_type": event.type, "recipient": event.recipient, "reject_reason": event.reason, "message_id": event.message_id}
            for event in events
        ],
    }
