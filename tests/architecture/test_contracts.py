"""Each import contract of pyproject.toml finds the violation that it is there for: all are planted in a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from posthouse.platform.settings import environment

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui")
CONTRACTS = [one["name"] for one in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]]

# A module in which the violation is planted, and the import that violates.
PLANTED = {
    "calls go down": ("billing/planted_layers.py", "import posthouse.sending.tokens"),
    "models of tenants stay in tenants": ("webui/pages/planted_models.py", "import posthouse.tenants.contacts.models"),
    "models of billing stay in billing": ("webui/pages/planted_plans.py", "from posthouse.billing.plans import models"),
    "models of sending stay in sending": ("inbound/mailroom/planted_models.py", "from posthouse.sending.messages.models import MessageRow"),
    "models of inbound stay in inbound": ("webui/pages/planted_mail.py", "import posthouse.inbound.mailroom.models"),
    "jobs are known to their room's manifest only": ("sending/campaigns/planted.py", "from posthouse.sending.campaigns import jobs"),
    "manifests are read by name, never imported": ("platform/planted_manifest.py", "import posthouse.platform.room"),
    "Stripe is spoken to through its room's services": ("webui/hooks/planted.py", "import posthouse.billing.gateway.stripe"),
    "the SMTP client belongs to delivery": ("sending/campaigns/planted_smtp.py", "from posthouse.sending.delivery import smtp"),
    "the product does not lean on what it rehearses with": ("sending/pools/planted.py", "import posthouse.sending.simulator.dns"),
    "rules are pure": ("tenants/planted/rules.py", "import sqlalchemy"),
    "Flask and its kin live in webui": ("sending/domains/planted_flask.py", "from flask import g"),
    "Stripe's SDK lives in billing/gateway/stripe.py": ("billing/plans/planted.py", "import stripe"),
    "aiosmtplib lives in sending/delivery": ("sending/pools/planted_smtp.py", "import aiosmtplib"),
    "aiosmtpd lives in inbound/listener": ("inbound/mailroom/planted.py", "import aiosmtpd"),
    "RQ lives in platform/shifts.py": ("sending/campaigns/planted_rq.py", "from rq import Queue"),
    "Redis lives in platform": ("webui/edge/planted_redis.py", "import redis"),
    "dkimpy verifies what comes in and in the simulator, and signs nowhere": ("sending/dkim/planted.py", "import dkim"),
    "cryptography lives in secrets, DKIM, provider signatures and the certificate of the demonstration": (
        "webui/edge/planted_seal.py",
        "import cryptography.fernet",
    ),
    "DNS is asked in sending/domains and served by the simulator": ("inbound/listener/planted.py", "import dns.resolver"),
    "PostgreSQL is driven by SQLAlchemy; the driver and migrations live in platform": ("tenants/imports/planted.py", "import psycopg"),
    "content is compiled in sending/content": ("sending/campaigns/planted_liquid.py", "import liquid"),
    "logs and processes live in platform": ("webui/edge/planted_logs.py", "import structlog"),
}


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the tree with every violation in it."""
    folder = tmp_path_factory.mktemp("planted")
    skipped = shutil.ignore_patterns("node_modules", "static", "__pycache__", "assets")
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / "posthouse" / room, ignore=skipped)
    for file, line in PLANTED.values():
        path = folder / "posthouse" / file
        path.parent.mkdir(exist_ok=True)
        (path.parent / "__init__.py").touch() if path.parent.parent.name != "posthouse" else None
        path.write_text(line + "\n")
    config = folder / "pyproject.toml"
    shutil.copyfile(ROOT / "pyproject.toml", config)
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", config],
        cwd=folder,
        env={**environment(), "PYTHONPATH": str(folder)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_every_contract_has_its_violation():
    assert set(PLANTED) == set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_contract_finds_its_violation(verdict, name):
    file, _ = PLANTED[name]
    assert f"{name} BROKEN" in verdict
    broken = verdict.split("Broken contracts", 1)[1]
    assert "posthouse." + file.removesuffix(".py").replace("/", ".") in broken
