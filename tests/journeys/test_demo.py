"""`posthouse demo` as a newcomer runs it: contacts in, mail out and back, and an account in which both sides agree."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from posthouse.platform.settings import environment

PARTS = ("delivered", "bounced", "deferred", "waiting", "unknown")


@pytest.fixture(scope="module")
def demo():
    command = [sys.executable, "-m", "posthouse.platform.cli", "demo", "--json"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def _sign_in(url, person):
    """Sign in as a browser does; returns the page that follows."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    page = opener.open(f"{url}/sign-in", timeout=20).read().decode()
    token = page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    form = {"csrf_token": token, "email": person["email"], "password": person["password"]}
    request = urllib.request.Request(f"{url}/sign-in", urllib.parse.urlencode(form).encode(), {"Origin": url})
    return opener.open(request, timeout=20).read().decode()


@pytest.mark.timeout(420)
def test_the_demonstration_from_the_first_line_to_the_last(demo):
    """It says where to sign in, sends three campaigns, takes back what comes, accounts for each contact, and ends when told to."""
    opening = json.loads(demo.stdout.readline())
    assert set(opening) == {"url", "data", "database_url", "redis_url", "smtp_inbound_port", "people", "tenants"}
    assert [person["who"].split()[0] for person in opening["people"]] == ["operator", "reseller", "tenant", "tenant", "tenant"]
    assert "Leaf &amp; Kettle" in _sign_in(opening["url"], opening["people"][2])

    closing = json.loads(demo.stdout.readline())
    assert len(closing["tenants"]) == 3
    for tenant in closing["tenants"]:
        assert sum(tenant[part] for part in PARTS) == tenant["imported"]
        assert min(tenant[name] for name in ("refused", "bounced", "unsubscribed", "opens", "clicks", "suppressed")) > 0
    assert sum(tenant["complaints"] for tenant in closing["tenants"]) > 0
    limited = closing["tenants"][1]
    assert (limited["sent"], limited["quota"]) == (1_500, 1_500)
    assert limited["waiting"] > 0
    sent = sum(tenant["sent"] for tenant in closing["tenants"])
    assert closing["simulator"] == {"accepted": sent, "dkim_pass": sent, "dkim_fail": 0, "duplicates": 0}
    assert closing["isolation"] == {"foreign_rows_seen": 0}

    demo.send_signal(signal.SIGTERM)
    _, said = demo.communicate(timeout=30)
    assert demo.returncode == 0, said[-2_000:]
    assert not Path(opening["data"]).exists()
