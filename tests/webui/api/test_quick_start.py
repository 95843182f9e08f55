"""The quick start's examples work as they stand in `docs/api.md`: one shell runs them in their order."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from program import issue_key
from shops import make_domain

from posthouse.platform.settings import environment

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
# Enough of curl for the examples, for machines that have none.
STAND_IN = """#!{python} -S
import sys, urllib.error, urllib.request
words, headers, data, method, url = iter(sys.argv[1:]), {{}}, None, None, ""
for word in words:
    if word == "-H":
        name, _, value = next(words).partition(": ")
        headers[name] = value
    elif word == "-d":
        data = next(words).encode()
    elif word == "-X":
        method = next(words)
    elif not word.startswith("-"):
        url = word
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, data=data, headers=headers, method=method))
except urllib.error.HTTPError as refused:
    if any(word.startswith("-sSf") for word in sys.argv[1:]):
        sys.exit(22)
    answer = refused
sys.stdout.buffer.write(answer.read())
"""


def _blocks() -> list[str]:
    found = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [block for block in found if not block.startswith("export API=")]


@pytest.fixture(params=["own", "stand-in"])
def path(request, tmp_path):
    """Search path with the machine's curl, or with the stand-in where there is none, which is tried too where there is one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    curl = shutil.which("curl")
    if request.param == "own" and curl:
        (folder / "curl").symlink_to(curl)
    else:
        (folder / "curl").write_text(STAND_IN.format(python=sys.executable))
        (folder / "curl").chmod(0o755)
    return request.param, f"{folder}:/usr/bin:/bin"


def test_the_examples_do_what_the_page_says(street, path):
    which, search = path
    place = {"own": street.world.a1, "stand-in": street.world.b1}[which]
    with street.core.app_context():
        make_domain(place.scope, f"shop.{which}.example.com")
    script = "\n".join(["set -eu", *(f"{block}\nprintf '\\n==\\n'" for block in _blocks())]).replace(
        "shop.example.com", f"shop.{which}.example.com"
    )
    given = {
        **{name: value for name, value in environment().items() if name != "KEY"},
        "PATH": search,
        "API": f"{street.served.url}/api/v1",
        "KEY": issue_key(street.web, place)[1],
    }
    done = subprocess.run(["/bin/sh", "-c", script], env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    contact, page, started, message, tagged, mime, answered, events, refused = done.stdout.split("\n==\n")[1:10]
    assert [one["id"] for one in json.loads(tagged)["data"]] == [json.loads(message)["id"]]
    assert json.loads(answered) == {"data": [], "next_cursor": None}
    assert [one["to"] for one in json.loads(mime)["messages"]] == ["ann@example.com"]
    assert json.loads(contact)["email"] == "ann@example.com"
    assert [one["email"] for one in json.loads(page)["data"]] == ["ann@example.com"]
    assert '"waiting":1' in started
    assert (json.loads(message)["to"], json.loads(message)["state"]) == ("ann@example.com", "queued")
    assert json.loads(events)["next_cursor"]
    assert json.loads(refused)["errors"][0]["pointer"] == "/email"
