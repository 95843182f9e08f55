"""The spool: a mail is there whole or not at all, whatever is cut, and full or broken disks are told apart."""

import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.inbound.spool import services
from posthouse.inbound.spool.files import BrokenSpoolFile, Envelope, fingerprint, pack, unpack, unpack_all
from posthouse.inbound.spool.queries import count_waiting, waiting
from posthouse.inbound.spool.services import SpoolBroken, SpoolFull, prepare, remove, set_aside, store, store_together

ENVELOPE = Envelope("", ("a@mail.example", "b@mail.example"), "192.0.2.1", "mx.example", "esmtp", datetime(2026, 1, 2, tzinfo=UTC))


@given(st.binary(max_size=500), st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_a_file_gives_back_what_was_put_in(content: bytes, sender: str, recipients: list[str]) -> None:
    """Envelope and mail come back byte for byte."""
    envelope = Envelope(sender, tuple(recipients), "::1", "x\ny", "smtp", ENVELOPE.at)
    assert unpack(pack(envelope, content)) == (envelope, content)


@pytest.mark.parametrize("data", [b"", b"{}", b"\n", b"[]\nx", b'{"v":1}\nx', pack(ENVELOPE, b"hello")[:-1], pack(ENVELOPE, b"x") + b"y"])
def test_a_file_that_is_not_whole_is_refused(data: bytes) -> None:
    """A cut or foreign file is never taken for a mail."""
    with pytest.raises(BrokenSpoolFile):
        unpack(data)


def test_a_repeated_mail_has_the_same_fingerprint() -> None:
    """A sender who lost our 250 comes again from another address at another time."""
    again = Envelope("", ("B@mail.example", "a@mail.example"), "192.0.2.9", "other", "smtp", datetime(2026, 1, 3, tzinfo=UTC))
    assert fingerprint(ENVELOPE, b"x") == fingerprint(again, b"x") != fingerprint(ENVELOPE, b"y")


def test_stored_mail_waits_in_order_and_is_removed_once(tmp_path: Path) -> None:
    """Oldest first; removing twice changes nothing."""
    prepare(tmp_path)
    paths = [store(tmp_path, ENVELOPE, b"%d" % number) for number in range(3)]
    assert waiting(tmp_path, limit=10) == paths
    remove(paths[0])
    remove(paths[0])
    assert (count_waiting(tmp_path, up_to=10), count_waiting(tmp_path, up_to=1)) == (2, 1)


def test_a_broken_file_is_set_aside(tmp_path: Path) -> None:
    """It is kept for a person, and no longer waits."""
    prepare(tmp_path)
    path = store(tmp_path, ENVELOPE, b"x")
    set_aside(tmp_path, path)
    assert waiting(tmp_path, limit=9) == []
    assert (tmp_path / "broken" / path.name).exists()


def test_leftovers_of_a_crash_are_dropped_when_old(tmp_path: Path) -> None:
    """What was never acknowledged goes; what may be in the making stays."""
    prepare(tmp_path)
    old, young = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young"
    old.write_bytes(b"")
    young.write_bytes(b"")
    os.utime(old, (1, 1))
    prepare(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, SpoolFull), (errno.EDQUOT, SpoolFull), (errno.EROFS, SpoolBroken), (errno.EIO, SpoolBroken)]
)
@pytest.mark.parametrize("step", ["open", "fsync", "rename"])
def test_row_51_a_full_or_read_only_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception], step: str
) -> None:
    """The operating system fails at each step; the mail is refused and no part of it stays."""
    prepare(tmp_path)

    def fail(*_args: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(kind):
        store(tmp_path, ENVELOPE, b"x")
    monkeypatch.undo()
    assert [*tmp_path.joinpath("tmp").iterdir(), *tmp_path.joinpath("new").iterdir()] == []


def test_row_51_the_disk_is_full_before_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room is left for the database on the same disk."""
    prepare(tmp_path)
    monkeypatch.setattr(services, "FREE_BYTES", 1 << 60)
    with pytest.raises(SpoolFull):
        store(tmp_path, ENVELOPE, b"x")


_CUT = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.spool.services import prepare, store
root, step, when = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
prepare(root)
name, number = step.split("#")
real, calls = getattr(os, name), [0]
def cut(*args, **more):
    calls[0] += 1
    if calls[0] == int(number):
        if when == "after":
            real(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **more)
setattr(os, name, cut)
store(root, Envelope("", ("a@x",), "", "", "smtp", datetime(2026, 1, 2, tzinfo=UTC)), b"x" * 300000)
print("250", flush=True)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["open#1", "write#1", "fsync#1", "close#1", "rename#1", "open#2", "fsync#2", "close#2"])
def test_row_52_k29_kill_at_each_step_of_the_intake(tmp_path: Path, step: str, when: str) -> None:
    """kill -9 before and after each system call: no 250 without a whole file, and never half a mail in `new/`."""
    done = subprocess.run([sys.executable, "-c", _CUT, str(tmp_path), step, when], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert "250" not in done.stdout
    for path in waiting(tmp_path, limit=9):
        assert unpack(path.read_bytes())[1] == b"x" * 300000


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.data())
def test_a_file_of_several_mails_gives_all_back_or_is_refused(contents: list[bytes], data: st.DataObject) -> None:
    """Byte for byte and in order; cut anywhere, it never gives half a mail."""
    packed = b"".join(pack(ENVELOPE, content) for content in contents)
    assert unpack_all(packed) == [(ENVELOPE, content) for content in contents]
    cut = data.draw(st.integers(0, len(packed) - 1))
    try:
        got = unpack_all(packed[:cut])
    except BrokenSpoolFile:
        return
    assert [content for _, content in got] == contents[: len(got)]


def test_a_file_is_counted_by_the_mails_in_it(tmp_path: Path) -> None:
    """The count needs no file opened; a name of another form is one mail."""
    prepare(tmp_path)
    path = store_together(tmp_path, [(ENVELOPE, b"x")] * 3)
    (tmp_path / "new" / "1.2.ab.mail").write_bytes(path.read_bytes())
    assert (count_waiting(tmp_path, up_to=9), count_waiting(tmp_path, up_to=2)) == (4, 2)
