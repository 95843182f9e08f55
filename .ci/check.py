"""Every check of `./dev check`, as many at a time as there are processors; all are run, even after one has failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui", "migrations")
READ = ("contracts", "habits", "layout", "supply")  # house rules about what is written; those about the database are the suite's


def steps() -> dict[str, list[str | Path]]:
    """Return the command of each check by name."""
    templates = sorted({path.parent for path in ROOT.glob("webui/**/*.html") if not {"node_modules", "letters"} & set(path.parts)})
    lint_templates: list[str | Path] = [BIN / "djlint", "--quiet", "--lint", *templates]
    return {
        "types": [sys.executable, "-m", "mypy", *(part for room in ROOMS for part in ("-p", f"posthouse.{room}"))],
        "house rules": [sys.executable, "-m", "pytest", "-q", *(f"tests/architecture/test_{name}.py" for name in READ)],
        "lint": [BIN / "ruff", "check", "."],
        "format": [BIN / "ruff", "format", "--check", "."],
        "import contracts": [BIN / "lint-imports", "--no-cache"],
        **({"templates": lint_templates} if templates else {}),
    }


def passes(name: str, command: list[str | Path]) -> bool:
    """Run one check and show its output in one piece. Type checker and import contracts find the rooms through the link in .types."""
    began = time.monotonic()
    where = {**os.environ, "MYPYPATH": ".types", "PYTHONPATH": ".types"}
    line = [str(part) for part in command]
    done = subprocess.run(
        line, cwd=ROOT, env=where, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    verdict = "passed" if done.returncode == 0 else "FAILED"
    sys.stdout.write(f"==> {name}\n{done.stdout}    {verdict} in {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {name: pool.submit(passes, name, command) for name, command in steps().items()}
    failed = [name for name, one in running.items() if not one.result()]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
