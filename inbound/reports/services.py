"""Keep what is reported about a domain: the only place that changes these tables."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from posthouse.inbound.mailroom.rules import clean
from posthouse.inbound.reports.models import DomainReport, DomainReportSource
from posthouse.inbound.reports.rules import Summary
from posthouse.platform.db import session
from posthouse.platform.scope import Scope


def keep_report(scope: Scope, *, domain: str, summary: Summary, received_at: datetime) -> bool:
    """Keep a report with its sources; False when this organisation's report is kept already, and then nothing changes."""
    values = {
        "tenant_id": scope.tenant,
        "kind": summary.kind,
        "domain": domain,
        "org": clean(summary.org, 200),
        "report_id": clean(summary.report_id, 300),
        "policy": clean(summary.policy, 20),
        "begins_at": summary.begins_at,
        "ends_at": summary.ends_at,
        "received_at": received_at,
        "passed": summary.passed,
        "failed": summary.failed,
        "trouble": summary.trouble,
    }
    keys = ["tenant_id", "kind", "domain", "org", "report_id"]
    statement = insert(DomainReport).values(values).on_conflict_do_nothing(index_elements=keys).returning(DomainReport.id)
    made = session(scope).execute(statement).scalar_one_or_none()
    if made is None:
        return False
    lines = [
        {
            "tenant_id": scope.tenant,
            "domain_report_id": made,
            "source": clean(line.source, 255),
            "detail": clean(line.detail, 255),
            "passed": line.passed,
            "failed": line.failed,
        }
        for line in summary.sources
    ]
    if lines:
        session(scope).execute(sa.insert(DomainReportSource), lines)
    return True
