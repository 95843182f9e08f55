"""Accounting files in a folder are taken once, moved aside when all is kept, and never lost."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import hook_calls
import pytest
import sqlalchemy as sa
from desk import Desk, Sent

from posthouse.inbound.providers import folders, jobs, queries, services
from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.scope import system

HEAD = "type,timeLogged,orig,rcpt,dsnStatus,dsnDiag\n"


@pytest.fixture
def hook(desk: Desk) -> services.Hook:
    """A hook of PowerMTA."""
    with transaction(desk.world.operator):
        services.create_hook(desk.world.operator, provider="powermta", secret=hook_calls.KEY)
        (card,) = queries.list_hooks(desk.world.operator)
    found = services.find_hook("powermta", card.path.rpartition("/")[2])
    assert found is not None
    return found


def _line(sent: Sent, status: str = "5.1.1") -> str:
    return f"b,1800000000,{sent.token}@bounce.mail.example,ann@example.net,{status},smtp;550 {status} no such user\n"


def _put(folder: Path, name: str, body: str | bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    long_ago = clock.now().timestamp() - 60
    os.utime(path, (long_ago, long_ago))
    return path


def _empty(hook: services.Hook, folder: Path) -> list[folders.Taken]:
    return folders.empty(hook, folder, clock.monotonic() + 60)


def _sort_all() -> None:
    scope = system("test")
    with transaction(scope) as live:
        waiting = live.scalars(sa.text("SELECT id FROM provider_report ORDER BY id")).all()
    for report_id in waiting:
        jobs.sort_report(scope, report_id=report_id)


def test_a_file_has_its_effect_once_and_moves_aside(desk: Desk, hook: services.Hook, tmp_path: Path) -> None:
    """The same file again, also packed, is known."""
    sent = desk.send(desk.world.a1)
    text = HEAD + _line(sent)
    _put(tmp_path, "acct.csv", text)
    assert _empty(hook, tmp_path) == [folders.Taken("acct.csv", 1, 0)]
    _put(tmp_path, "acct.csv", gzip.compress(text.encode()))
    assert _empty(hook, tmp_path) == [folders.Taken("acct.csv", 0, 1)]
    assert sorted(path.name for path in (tmp_path / "done").iterdir()) == ["acct.csv", "acct.csv.1"]
    _sort_all()
    _sort_all()
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", sent.id)]
    assert len(desk.suppressed(desk.world.a1)) == 1


def test_a_kill_before_the_move_repeats_harmlessly(
    desk: Desk, hook: services.Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept before moved: the next run knows the pieces."""
    sent = desk.send(desk.world.a1)
    path = _put(tmp_path, "acct.csv", HEAD + _line(sent))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            _empty(hook, tmp_path)
    assert path.exists()
    assert _empty(hook, tmp_path) == [folders.Taken("acct.csv", 0, 1)]
    _sort_all()
    assert len(desk.mail(desk.world.a1)) == 1


def test_a_longer_copy_of_a_known_file_adds_only_what_is_new(desk: Desk, hook: services.Hook, tmp_path: Path) -> None:
    """A record counts once, whatever file it stands in."""
    one, two = desk.send(desk.world.a1), desk.send(desk.world.a2)
    _put(tmp_path, "a.csv", HEAD + _line(one) + _line(two)[:-9])
    _empty(hook, tmp_path)
    _put(tmp_path, "b.csv", HEAD + _line(one) + _line(two))
    _empty(hook, tmp_path)
    _sort_all()
    assert (desk.mail(desk.world.a1), desk.mail(desk.world.a2)) == ([("bounce", "bounced", one.id)], [("bounce", "bounced", two.id)])


def test_unfinished_and_foreign_files_wait_or_are_refused_with_words(desk: Desk, hook: services.Hook, tmp_path: Path) -> None:
    """One that is still written to stays; one that is none goes to `refused` with the reason; a link is not followed."""
    del desk
    (tmp_path / "now.csv").write_text(HEAD)
    _put(tmp_path, "half.csv.tmp", HEAD)
    _put(tmp_path, "other.csv", "hello\n")
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    (taken,) = _empty(hook, tmp_path)
    assert taken.name == "other.csv"
    assert "column names" in (tmp_path / "refused" / "other.csv.why").read_text()
    assert sorted(path.name for path in tmp_path.iterdir() if not path.is_dir()) == ["half.csv.tmp", "link.csv", "now.csv"]


def test_every_hook_gets_its_folder(desk: Desk, hook: services.Hook) -> None:
    """The periodic job makes it, and the operator's page names it."""
    folders.take_files(system("test"))
    with transaction(desk.world.operator):
        (card,) = queries.list_hooks(desk.world.operator)
    assert Path(card.folder).is_dir()
    assert hook.id == card.id
