"""The wheel holds exactly the tree's rooms with their data and the built front end, and Posthouse runs from it alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from services import services

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("platform", "tenants", "billing", "sending", "inbound", "webui", "migrations")
BUILT = ROOT / "webui" / "static" / "dist"
# What is there for people who build: sources of the front end, and pages to read.
LEFT_OUT = ("webui/assets/", "platform/settings.md")

# Without site there are no .pth files, so no editable install of the tree: what is imported comes from the wheel.
ALONE = """
import sys
sys.path[:0] = [{target!r}, {packages!r}]
{code}
strangers = [name for name, one in sys.modules.items() if name.startswith("posthouse.") and getattr(one, "__file__", None)
             and not one.__file__.startswith({target!r})]
assert not strangers, strangers
"""


def _sources() -> list[str]:
    """The tree as it would be committed, without what is ignored."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())


def _pip(*words: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "-q", *words], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, so that neither the tree nor an older build plays a part; without network and isolation."""
    copy = tmp_path_factory.mktemp("tree")
    for name in _sources():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    shutil.copytree(BUILT, copy / "webui" / "static" / "dist")
    made = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", made, copy)
    [found] = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def target(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("target")
    _pip("install", "--no-deps", "--no-index", "--no-compile", "--target", folder, wheel)
    return folder


def _run(target: Path, code: str) -> str:
    script = ALONE.format(target=str(target), packages=sysconfig.get_path("purelib"), code=code)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], check=False, capture_output=True, text=True, cwd="/", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_exactly_the_trees_rooms(wheel):
    wanted = {name for name in _sources() if name.startswith(tuple(f"{room}/" for room in ROOMS)) and not name.startswith(LEFT_OUT)}
    wanted |= {str(path.relative_to(ROOT)) for path in BUILT.iterdir() if path.is_file()}
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name for name in names if not name.startswith("posthouse/")} == set()
    packed = {name.removeprefix("posthouse/") for name in names}
    assert (packed - wanted, wanted - packed) == (set(), set())


def test_what_is_compared_is_not_empty(wheel):
    """The kinds that a wheel forgets first: templates, built assets with their compressed twins, tables in TOML, migrations."""
    names = zipfile.ZipFile(wheel).namelist()
    for room, ending in (
        ("webui/templates", ".html"),
        ("webui/static/dist", ".css.br"),
        ("sending", ".toml"),
        ("migrations/versions", ".py"),
    ):
        assert any(name.startswith(f"posthouse/{room}/") and name.endswith(ending) for name in names), (room, ending)


def test_the_program_helps_from_the_wheel_alone(target):
    assert (target / "bin" / "posthouse").exists()
    code = "from posthouse.platform.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0"
    assert "doctor" in _run(target, code)


def test_the_application_serves_pages_and_assets_from_the_wheel_alone(target, tmp_path):
    """Made, and asked for its sign-in page's parts: a page's template, a stylesheet in its compressed form."""
    code = f"""
import json
from posthouse.platform.secrets import new_key
from posthouse.platform.settings import load
from posthouse.webui.app import create_app
app = create_app(load({{"POSTHOUSE_DATA": {str(tmp_path)!r}, "POSTHOUSE_SECRET_KEYS": new_key(),
    "POSTHOUSE_DATABASE_URL": "postgresql://h/x", "POSTHOUSE_REDIS_URL": "redis://h/0"}}))
client = app.test_client()
manifest = json.load(open({str(target)!r} + "/posthouse/webui/static/dist/manifest.json"))
style = client.get("/static/" + manifest["app.css"], headers={{"Accept-Encoding": "br"}})
print(json.dumps([client.get("/health/live").status_code, style.status_code, style.headers.get("Content-Encoding"),
    len(app.jinja_env.list_templates())]))
"""
    live, style, encoding, templates = json.loads(_run(target, code).splitlines()[-1])
    assert (live, style, encoding) == (200, 200, "br")
    assert templates >= len(list((ROOT / "webui" / "templates").rglob("*.html")))


def test_a_database_is_migrated_from_the_wheel_alone(target):
    running = services()
    url = running.database()
    try:
        code = "from posthouse.platform.migrate import migrate\nfrom posthouse.platform.revisions import head\n"
        code += "from posthouse.platform.secrets import new_key, parse_keys\n"
        code += f"migrate({url!r}, parse_keys(new_key()))\nprint(head())"
        newest = max(path.stem for path in (ROOT / "migrations" / "versions").glob("0*.py"))
        assert _run(target, code).splitlines()[-1] == newest
    finally:
        running.drop(url)
