"""Every check of `./dev check`, one after the other; all are run, even after one has failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui", "migrations")


def steps() -> dict[str, list[str | Path]]:
    """Return the command of each check by name."""
    templates = sorted({path.parent for path in ROOT.glob("webui/**/*.html") if not {"node_modules", "letters"} & set(path.parts)})
    lint_templates: list[str | Path] = [BIN / "djlint", "--quiet", "--lint", *templates]
    return {
        "lint": [BIN / "ruff", "check", "."],
        "format": [BIN / "ruff", "format", "--check", "."],
        "types": [sys.executable, "-m", "mypy", *(part for room in ROOMS for part in ("-p", f"posthouse.{room}"))],
        "import contracts": [BIN / "lint-imports", "--no-cache"],
        **({"templates": lint_templates} if templates else {}),
        "house rules": [sys.executable, "-m", "pytest", "-q", "tests/architecture"],
    }


def passes(name: str, command: list[str | Path]) -> bool:
    """Run one check and show its output. Type checker and import contracts find the rooms through the link in .types."""
    began = time.monotonic()
    print(f"==> {name}", flush=True)
    where = {**os.environ, "MYPYPATH": ".types", "PYTHONPATH": ".types"}
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=where, check=False)
    print(f"    {'passed' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    failed = [name for name, command in steps().items() if not passes(name, command)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
