"""`./dev` as a newcomer meets it: what is missing is said in words, with what to do, and nothing is left half made."""

from __future__ import annotations

import ast
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from posthouse.platform.settings import environment

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("dev", "pyproject.toml", "setup.py", "requirements/dev.txt", "requirements/node.txt")
FRONT_END = ("webui/assets/package.json", "webui/assets/package-lock.json")

# Writes down that steps were done with the inputs that lie there, in the script's own words.
DONE = """
import runpy
dev = runpy.run_path("dev")
note, digest, venv, root = dev["note"], dev["digest"], dev["VENV"], dev["ROOT"]
note(venv / ".stamps" / "python", ".".join(map(str, __import__("sys").version_info[:2])))
note(venv / ".stamps" / "dev", digest(root / "requirements" / "dev.txt"))
note(venv / ".stamps" / "posthouse", digest(root / "pyproject.toml", root / "setup.py"))
"""
# A disk that is as full as it says: the script measures it as always.
FULL = """
import runpy, shutil, sys
measured = shutil.disk_usage
shutil.disk_usage = lambda path: measured(path)._replace(free=5 * 1024**2)
sys.argv = ["dev", *sys.argv[1:]]
runpy.run_path("dev", run_name="__main__")
"""


class Checkout:
    """A copy of the script with the files that it reads, and a machine as bare as a test wants it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root.parent / "programs"
        self.programs.mkdir()
        for name in (*NEEDED, *FRONT_END):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)

    def has(self, name: str, *lines: str) -> None:
        """Put a program on the path."""
        path = self.programs / name
        path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
        path.chmod(0o755)

    def set_up_python(self) -> None:
        """Stand as after the set-up of Python, which is not what these tests are about."""
        python = self.root / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        subprocess.run([sys.executable, "-c", DONE], cwd=self.root, check=True)

    def set_up_front_end(self) -> None:
        """Stand as after the set-up of the front end."""
        self.has("node", "echo v22.1.0")
        self.has("npm", "mkdir -p node_modules ../static/dist")
        assert self.run("setup").returncode == 0

    def run(self, *arguments: str, code: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the script with nothing on the path but what the test put there, and no package index within reach."""
        kept = {name: value for name, value in environment().items() if not name.startswith(("POSTHOUSE_", "PIP_"))}
        env = {**kept, "PATH": f"{self.programs}:/usr/sbin:/sbin", "PIP_NO_INDEX": "1", **settings}
        command = [sys.executable, "-c", code, *arguments] if code else [sys.executable, "dev", *arguments]
        return subprocess.run(command, cwd=self.root, env=env, check=False, capture_output=True, text=True, timeout=90)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "checkout").mkdir()
    made = Checkout(tmp_path / "checkout")
    made.has("mkdir", 'exec /bin/mkdir "$@"')
    return made


@pytest.mark.parametrize("command", ["demo", "test", "check", "setup"])
def test_no_disk(checkout, command):
    """Before anything is made: how much is there, how much is needed, and what to do."""
    done = checkout.run(command, code=FULL)
    assert done.returncode == 1
    assert f"5 MB are free in {checkout.root}; the set-up needs 3072 MB. Make room and start again." in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_no_node_and_none_to_be_had(checkout):
    """Neither the machine nor the package index has one; both ways out are named, and nothing counts as built."""
    checkout.set_up_python()
    done = checkout.run("setup")
    assert done.returncode == 1
    assert "no Node 20 or later with npm here: taking the PyPI package" in done.stderr
    assert done.stderr.rstrip().endswith("Or install Node 20 or later with npm, and start again.")
    assert "Traceback" not in done.stderr
    assert not (checkout.root / ".cache" / "dev" / "assets").exists()


@pytest.mark.parametrize("says", ["v18.20.4", "nonsense"])
def test_a_node_that_is_too_old_is_none(checkout, says):
    checkout.set_up_python()
    checkout.has("node", f"echo {says}")
    checkout.has("npm", "exit 0")
    done = checkout.run("setup")
    assert done.returncode == 1
    assert "no Node 20 or later" in done.stderr


def test_the_machines_own_node_is_taken(checkout):
    checkout.set_up_python()
    checkout.set_up_front_end()
    again = checkout.run("setup")
    assert (again.returncode, again.stderr) == (0, "")  # what is done is not done again


def test_a_step_that_fails_shows_its_last_words(checkout):
    checkout.set_up_python()
    checkout.has("node", "echo v22.1.0")
    checkout.has("npm", "echo the wire is cut", "exit 1")
    done = checkout.run("setup")
    assert done.returncode == 1
    assert "the wire is cut" in done.stderr
    assert "Is the npm registry reachable? Start again." in done.stderr


def test_port_taken(checkout):
    """A port that was chosen and is taken ends the demonstration at once with the setting's name."""
    checkout.set_up_python()
    checkout.set_up_front_end()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = checkout.run("demo", "--once", POSTHOUSE_WEB_PORT=str(port))
    assert done.returncode == 2
    assert f"POSTHOUSE_WEB_PORT: port {port} is taken. Stop what uses it, or set another port." in done.stderr
    assert done.stdout == ""


def test_a_command_that_is_none_gets_the_list(checkout):
    done = checkout.run("dance")
    assert done.returncode == 2
    assert "./dev test" in done.stdout


def test_an_old_python_can_read_far_enough_to_be_told():
    """The script's grammar is older than its demand, so the demand is a sentence and no SyntaxError."""
    text = (ROOT / "dev").read_text()
    ast.parse(text, feature_version=(3, 8))
    assert "Python 3.11 or later is needed" in text
