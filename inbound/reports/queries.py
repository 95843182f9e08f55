"""Read what is reported about a sending domain: who sends in its name, what passes, the trend, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from posthouse.inbound.permissions import READ_INBOUND
from posthouse.inbound.reports.models import DomainReport, DomainReportSource
from posthouse.inbound.reports.rules import advise_dmarc, advise_source, advise_tls
from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

DAYS = 30
REPORT_DAYS = 40  # a report may have begun so long before the time that is shown
SOURCES_SHOWN = 100
REPORTERS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class DayCard:
    """One day's figures."""

    day: date
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class SourceCard:
    """One source's figures over the whole time. `advice` is empty where there is nothing to do."""

    source: str
    detail: str
    passed: int
    failed: int
    advice: str


@dataclass(frozen=True, slots=True)
class ReporterCard:
    """One organisation that reports."""

    org: str
    reports: int
    passed: int
    failed: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class DomainReports:
    """What is reported about a domain in the last `DAYS` days, of one kind."""

    passed: int
    failed: int
    policy: str
    advice: str
    days: tuple[DayCard, ...]
    sources: tuple[SourceCard, ...]
    reporters: tuple[ReporterCard, ...]


def reports_of(scope: Scope, *, domain: str, kind: str) -> DomainReports:
    """What organisations report about a domain of the tenant; `kind` is dmarc or tlsrpt. Empty figures when nobody does."""
    require(scope, READ_INBOUND)
    chosen = (
        DomainReport.tenant_id == scope.tenant,
        DomainReport.domain == domain.lower(),
        DomainReport.kind == kind,
        DomainReport.ends_at >= clock.now() - timedelta(days=DAYS),
    )
    days = _without_gaps(_days(scope, *chosen))
    passed, failed = sum(day.passed for day in days), sum(day.failed for day in days)
    policy = _policy(scope, *chosen)
    advice = advise_dmarc(passed, failed, policy) if kind == "dmarc" else ""
    return DomainReports(passed, failed, policy, advice, days, _sources(scope, kind, *chosen), _reporters(scope, *chosen))


def _days(scope: Scope, *chosen: sa.ColumnElement[bool]) -> tuple[DayCard, ...]:
    day = sa.func.date(sa.func.timezone("UTC", DomainReport.begins_at))
    query = sa.select(day, sa.func.sum(DomainReport.passed), sa.func.sum(DomainReport.failed)).where(*chosen).group_by(day).order_by(day)
    return tuple(DayCard(row[0], int(row[1]), int(row[2])) for row in session(scope).execute(query))


def _without_gaps(days: tuple[DayCard, ...]) -> tuple[DayCard, ...]:
    """Every day from the first to the last: one without a report says nothing, but time went by."""
    if not days:
        return ()
    known = {one.day: one for one in days}
    span = min((days[-1].day - days[0].day).days, DAYS + REPORT_DAYS)
    every = (days[-1].day - timedelta(days=back) for back in range(span, -1, -1))
    return tuple(known.get(day) or DayCard(day, 0, 0) for day in every)


def _policy(scope: Scope, *chosen: sa.ColumnElement[bool]) -> str:
    query = sa.select(DomainReport.policy).where(*chosen).order_by(DomainReport.ends_at.desc(), DomainReport.id.desc()).limit(1)
    return session(scope).execute(query).scalar_one_or_none() or ""


def _sources(scope: Scope, kind: str, *chosen: sa.ColumnElement[bool]) -> tuple[SourceCard, ...]:
    passed, failed = sa.func.sum(DomainReportSource.passed), sa.func.sum(DomainReportSource.failed)
    query = (
        sa.select(DomainReportSource.source, DomainReportSource.detail, passed, failed)
        .join(
            DomainReport,
            sa.and_(DomainReport.tenant_id == DomainReportSource.tenant_id, DomainReport.id == DomainReportSource.domain_report_id),
        )
        .where(*chosen)
        .group_by(DomainReportSource.source, DomainReportSource.detail)
        .order_by((passed + failed).desc(), DomainReportSource.source)
        .limit(SOURCES_SHOWN)
    )
    return tuple(_source(kind, row[0], row[1], int(row[2]), int(row[3])) for row in session(scope).execute(query))


def _source(kind: str, source: str, detail: str, passed: int, failed: int) -> SourceCard:
    advice = advise_source(detail, passed, failed) if kind == "dmarc" else advise_tls(detail) if failed else ""
    return SourceCard(source, detail, passed, failed, advice)


def _reporters(scope: Scope, *chosen: sa.ColumnElement[bool]) -> tuple[ReporterCard, ...]:
    last = sa.func.max(DomainReport.received_at)
    query = (
        sa.select(DomainReport.org, sa.func.count(), sa.func.sum(DomainReport.passed), sa.func.sum(DomainReport.failed), last)
        .where(*chosen)
        .group_by(DomainReport.org)
        .order_by(sa.func.count().desc(), DomainReport.org)
        .limit(REPORTERS_SHOWN)
    )
    return tuple(ReporterCard(row[0], row[1], int(row[2]), int(row[3]), row[4]) for row in session(scope).execute(query))
