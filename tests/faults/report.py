"""Write docs/faults.md and docs/floods.md from the runs of the kill harness that this machine has kept: `./dev faults-report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".cache"
DOCS = ROOT / "docs"
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
tests/faults/test_schedules.py` plays a million, at some 870 a second of one core (`POSTHOUSE_TEST_SEED` begins elsewhere). On 2026-11-25 a
million from seed 1 were played, on a busy machine and in 1,156 seconds of processor time: none lost or repeated a message, passed a quota or
left anything over.
"""


FLOOD_HEAD = """# What a flood does to Posthouse while it is killed

Made by `./dev faults-report` from runs of `./dev flood`; not written by hand. Eight senders hand in
letters from a seed to the real inbound process, each with the next letter's commands behind the last one's end: bounces, complaints, some taken back, delays and automatic answers of three tenants, one in
twelve again byte for byte; tokens that are forged, in the address or inside, and named after a fourth tenant's messages; genuine tokens with
others' message numbers; garbage; and letters over the size limit. A sender tries each again until it is answered for good. A seed decides
when `kill -9` hits the inbound process, the worker, the scheduler, PostgreSQL or Redis. Every run that stands here has kept all of these:

- each letter that got 250 is kept once, known by its fingerprint, and nothing else is; the spool is empty in the end;
- marks, history, suppressions, counters and subscriptions are, message by message, what the real letters say; what is forged changed nothing,
  and the fourth tenant has neither mail nor mark;
- no reply but the due one (250, 550 for an unknown token, 552 for too much), 421 or 451; else the line was cut, since its other end was dead;
- no inbound process was ever larger than 220 MB, and the one that listened longest did not go on growing (less than 20 MB).

A run is repeated with `./dev flood --letters LETTERS --kills KILLS --seed SEED`; a million are `--letters 1000000`. *Again* counts letters that were handed in twice and kept once. *Cut* counts tries that met a dead process, while it
started again. *Growth*, *drift* and *peak* are about the resident memory of inbound processes: growth is what one gained at
most after it had listened for ten seconds, drift by how much the one that listened longest was larger in the last quarter of that time than
in the second. Runs before 19:00 on 2026-11-25 counted both from the start of the process, so with its loading (some 130 MB), which a busy
machine may draw out over a minute. *Load* is how many processes wanted each processor in the quarter of an hour before the end.
"""


def main() -> None:
    """Write the pages of which there are runs."""
    pages = {"faults": _faults, "floods": _floods}
    found = {name: [json.loads(path.read_text()) for path in sorted((KEPT / name).glob("*.json"))] for name in pages}
    if not any(found.values()):
        raise SystemExit("There are no runs yet: ./dev test -m faults")
    DOCS.mkdir(exist_ok=True)
    for name, runs in found.items():
        if runs:
            page = DOCS / f"{name}.md"
            stood = page.read_text().split("\n") if page.exists() else []
            page.write_text("\n".join([*pages[name](runs, stood), "", *_versions(runs, stood)]) + "\n")
            print(page.relative_to(ROOT))


def _rows(rows: list[str], stood: list[str]) -> list[str]:
    """These rows and those that stood on the page, by time: long runs are made on several machines. A run is known by its time and seed."""
    lines = [*(line for line in stood if line.startswith("| 20")), *rows]
    return sorted({tuple(line.split(" | ")[:2]): line for line in lines}.values())


def _faults(runs: list[dict[str, Any]], stood: list[str]) -> list[str]:
    return [HEAD, *_table(_rows([_line(_row(run)) for run in runs], stood))]


def _floods(runs: list[dict[str, Any]], stood: list[str]) -> list[str]:
    names = [
        "When (UTC)",
        "Seed",
        "Letters",
        "Kills",
        "Of them",
        "Kept",
        "Nobody's",
        "Refused",
        "Again",
        "Effects",
        "451 or 421",
        "Cut",
        "Growth",
        "Drift",
        "Peak",
        "Took",
        "Load",
    ]
    return [FLOOD_HEAD, _line(names), _line(["---"] * len(names)), *_rows([_line(_flood(run)) for run in runs], stood)]


def _flood(run: dict[str, Any]) -> tuple[str, ...]:
    replies = run["replies"]
    return (
        run["at"], str(run["seed"]), f"{run['letters']:,}", f"{sum(run['kills'].values()):,}", _counted(run["kills"]), f"{run['kept']:,}",
        f"{run['nobodys']:,}", f"{replies.get('550', 0) + replies.get('552', 0):,}", f"{run['handed_in_again']:,}", _counted(run["effects"]),
        f"{replies.get('451', 0) + replies.get('421', 0):,}", f"{replies.get('cut', 0):,}",
        _mb(run["growth_mb"]), _mb(run.get("drift_mb")), f"{run['peak_mb']} MB", f"{run['seconds']} s", str(run["load"]),
    )  # fmt: skip


def _mb(size: float | None) -> str:
    return "not noted" if size is None else f"{size} MB"


def _counted(what: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(what.items()))


def _table(rows: list[str]) -> list[str]:
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
    kills, taken, wire = (sum(int(row.split(" | ")[column].replace(",", "")) for row in rows) for column in (2, 4, 6))
    total = ("all", "", f"{kills:,}", "", f"{taken:,}", "0", f"{wire:,}", f"{wire / kills:.2f}", "", "", "", "")
    return [_line(names), _line(["---"] * len(names)), *rows, _line(total)]


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


def _versions(runs: list[dict[str, Any]], stood: list[str]) -> list[str]:
    made = (", ".join(f"{name} {value}" for name, value in run["versions"].items()) for run in runs)
    seen = dict.fromkeys([*(line for line in stood if line.startswith("- commit")), *(f"- {line}" for line in made)])
    return ["Versions:", "", *seen]


if __name__ == "__main__":
    main()
