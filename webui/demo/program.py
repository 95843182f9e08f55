"""What the demonstration writes: addresses and logins at the start, the account at the end. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict

from posthouse.platform.settings import Settings
from posthouse.webui.demo.accounts import Company
from posthouse.webui.demo.figures import Account, as_json
from posthouse.webui.demo.performance import Outcome

_COLUMNS = (
    "imported", "refused", "quota", "sent", "delivered", "bounced", "deferred", "waiting", "unknown",
    "complaints", "unsubscribed", "opens", "clicks", "suppressed",
)  # fmt: skip


def opening(settings: Settings, company: Company) -> str:
    """Return one line of JSON with everything that a program needs to go on by itself."""
    return json.dumps(
        {
            "url": settings.public_url,
            "data": str(settings.data),
            "database_url": settings.database_url,
            "redis_url": settings.redis_url,
            "smtp_inbound_port": settings.inbound_port,
            "people": [asdict(login) for login in company.logins],
            "tenants": [{"name": player.part.name, "id": player.id} for player in company.players],
        },
        ensure_ascii=False,
    )


def greeting(settings: Settings, company: Company) -> str:
    """Return where to sign in, and as whom."""
    widest = max(len(login.who) for login in company.logins)
    lines = [f"Sign in at {settings.public_url} as:", ""]
    lines += [f"  {login.who:<{widest}}  {login.email}  {login.password}" for login in company.logins]
    return "\n".join([*lines, ""])


def closing(outcome: Outcome, seconds: float) -> str:
    """Return the account as one line of JSON."""
    return json.dumps(
        {
            "seconds": round(seconds, 1),
            "tenants": [as_json(account.figures) for account in outcome.accounts],
            "simulator": outcome.simulator,
            "isolation": {"foreign_rows_seen": outcome.foreign_rows},
        },
        ensure_ascii=False,
    )


def table(outcome: Outcome, seconds: float) -> str:
    """Return the account for a person."""
    rows = [as_json(account.figures) for account in outcome.accounts]
    widths = [max(len(str(row["name"])) for row in rows)] * len(rows)
    lines = ["", " " * 14 + "".join(f"{row['name']:>{width + 2}}" for row, width in zip(rows, widths, strict=True))]
    lines += [f"  {name:<12}" + "".join(f"{row[name]:>{width + 2},}" for row, width in zip(rows, widths, strict=True)) for name in _COLUMNS]
    lines += ["", *(line for account in outcome.accounts for line in _waits(account))]
    theirs = outcome.simulator
    lines.append(
        f"The mailboxes took {theirs['accepted']:,} messages: {theirs['dkim_pass']:,} with a valid signature, {theirs['dkim_fail']:,} without,"
        f" {theirs['duplicates']:,} twice."
    )
    lines.append(f"Rows of others that a tenant could see: {outcome.foreign_rows}.")
    lines.append("Database and mailboxes agree on every figure." if outcome.well else "NOT everything agrees; see above.")
    lines.append(f"It took {seconds:.0f} s.")
    return "\n".join(lines)


def _waits(account: Account) -> list[str]:
    if not account.figures.waiting or account.resumes_at is None:
        return []
    until = f"{account.resumes_at:%-d %B %Y %H:%M} UTC"
    return [f"{account.figures.name}: {account.figures.waiting:,} wait until {until}. {account.reason}", ""]
