"""A journal says what is certain about each message, after any kill; its lock says whether the holder lives."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.delivery import hosts, journal, records
from posthouse.sending.delivery.journal import JournalFailed
from posthouse.sending.delivery.records import Mark
from posthouse.sending.delivery.wire import Reply

_REPLY = st.builds(Reply, st.integers(200, 599), st.sampled_from([None, "5.1.1", "4.2.2"]), st.text(max_size=60))
_FINAL = (Mark.SENT, Mark.DEFERRED, Mark.REFUSED)
_ACT = st.tuples(st.integers(1, 5), st.sampled_from([Mark.INTENT, Mark.UNKNOWN, *_FINAL]), _REPLY)


def _write(folder, acts):
    opened = journal.create(folder, 7, 9, 1_000, reseller_id=2)
    for message_id, mark, reply in acts:
        if mark is Mark.INTENT:
            opened.intend(message_id, 3)
        elif mark is Mark.UNKNOWN:
            opened.unknown(message_id, reply.text)
        else:
            opened.record(mark, message_id, reply, "dot")
    opened.close()
    return opened.path


@given(st.lists(_ACT, max_size=12))
def test_what_was_written_is_read(tmp_path_factory, acts):
    """The last word about each message comes back, whatever text the server used."""
    path = _write(tmp_path_factory.mktemp("j"), acts)
    replay = records.parse(path.read_bytes(), tenant_id=7, lease_id=9)
    assert (replay.damaged, replay.until, replay.reseller_id) == (0, 1_000, 2)
    last = {message_id: (mark, reply) for message_id, mark, reply in acts}
    assert replay.records.keys() == last.keys()
    for message_id, (mark, reply) in last.items():
        record = replay.of(message_id)
        assert record.mark is mark
        if mark in _FINAL:
            assert (record.code, record.enhanced, record.stage) == (reply.code, reply.enhanced, "dot")


@given(st.lists(_ACT, max_size=8), st.data())
def test_a_torn_end_loses_only_the_last_line(tmp_path_factory, acts, data):
    """Cut anywhere, a journal says what its complete lines say, and never that a message was sent which wasn't."""
    raw = _write(tmp_path_factory.mktemp("j"), acts).read_bytes()
    cut = raw[: data.draw(st.integers(0, len(raw)))]
    whole = cut[: cut.rfind(b"\n") + 1]
    assert records.parse(cut, tenant_id=7, lease_id=9) == records.parse(whole, tenant_id=7, lease_id=9)
    assert records.parse(cut + b"\x00" * 50, tenant_id=7, lease_id=9) == records.parse(whole, tenant_id=7, lease_id=9)


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data):
    """Damage never raises; it makes silent messages unknown instead of unsent."""
    replay = records.parse(data, tenant_id=7, lease_id=9)
    assert (replay.of(10**18) is None) == (replay.damaged == 0)


def test_a_foreign_head_is_damage():
    """A journal that names another lease than its file does proves nothing."""
    replay = records.parse(b"L 7 10 5 2 -\nO 1 250 - dot ok\n", tenant_id=7, lease_id=9)
    assert replay.damaged == 1
    assert replay.of(2).mark is Mark.UNKNOWN


def test_route_is_kept_from_the_intent(tmp_path):
    """The final line needs not repeat by which route the message went."""
    path = _write(tmp_path, [(1, Mark.INTENT, Reply(250, None, "")), (1, Mark.SENT, Reply(250, "2.0.0", "ok"))])
    record = records.parse(path.read_bytes(), tenant_id=7, lease_id=9).of(1)
    assert (record.mark, record.route_id, record.code, record.enhanced) == (Mark.SENT, 3, 250, "2.0.0")


def test_a_living_holder_keeps_its_journal(tmp_path):
    """No sweeper sees a journal whose holder lives; at once after it closes, one does."""
    opened = journal.create(tmp_path, 7, 9, 1_000, reseller_id=2)
    assert list(journal.abandoned(tmp_path)) == []
    opened.close()
    found = list(journal.abandoned(tmp_path))
    assert [one.replay.lease_id for one in found] == [9]
    assert list(journal.abandoned(tmp_path)) == [], "the first sweeper holds it"
    found[0].journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_gives_its_journal_up(tmp_path):
    """The kernel lets go of the lock of a process killed with SIGKILL, and what it wrote stays."""
    code = (
        "import os, signal, sys, pathlib\n"
        "from posthouse.sending.delivery import journal\n"
        "j = journal.create(pathlib.Path(sys.argv[1]), 7, 9, 1000, reseller_id=2)\n"
        "j.intend(5, 1)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    (found,) = journal.abandoned(tmp_path)
    assert found.replay.of(5).mark is Mark.INTENT
    assert found.replay.of(6) is None
    found.journal.close()


def test_a_started_program_does_not_inherit_the_lock(tmp_path):
    """O_CLOEXEC: a program started meanwhile doesn't hold the lock on after us."""
    opened = journal.create(tmp_path, 7, 9, 1_000, reseller_id=2)
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as other:
        other.stdin.write(b"it runs\n")
        other.stdin.flush()
        assert other.stdout.readline() == b"it runs\n"
        opened.close()
        (found,) = journal.abandoned(tmp_path)
        found.journal.close()
        other.stdin.close()


def test_the_name_appears_only_with_the_lock(tmp_path, monkeypatch):
    """Whoever sees the name finds it locked: the rename comes after flock."""
    order = []
    real_flock = fcntl.flock
    monkeypatch.setattr(
        journal.fcntl, "flock", lambda fd, how: (order.append(sorted(p.name for p in tmp_path.iterdir())), real_flock(fd, how))
    )
    journal.create(tmp_path, 7, 9, 1_000, reseller_id=2).close()
    assert [len(names) for names in order] == [1]
    assert order[0][0].startswith(".")


def test_unnamed_files_are_forgotten_when_old(tmp_path):
    """A claim that died before the rename leaves a hidden file; its transaction can't have committed."""
    (tmp_path / ".0123456789abcdef").write_bytes(b"")
    assert journal.forget_unnamed(tmp_path, older_than=0) == 0
    assert journal.forget_unnamed(tmp_path, older_than=2**40) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_before_the_body_leaves():
    """An intent that can't be kept raises, so the body stays here."""
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(JournalFailed):
        journal.Journal(Path("/dev/full"), descriptor).intend(1, 1)
    os.close(descriptor)


def _full(tmp_path, monkeypatch, *, takes):
    """A disk on which each write takes only so many bytes; None: refuses them."""
    write = os.write

    def scarce(descriptor, data):
        if takes is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, bytes(data)[:takes])

    monkeypatch.setattr(os, "write", scarce)


@pytest.mark.parametrize("takes", [None, 3])
def test_k24_a_journal_that_cannot_be_begun_leaves_nothing_behind(tmp_path, monkeypatch, takes):
    """K24: a claim is tried each second while the disk is full: neither open files nor names may pile up, and half a head is no journal."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    _full(tmp_path, monkeypatch, takes=takes)
    for lease in range(20):
        with pytest.raises(JournalFailed):
            journal.create(tmp_path, 7, lease, 1_000, reseller_id=2)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_told(tmp_path):
    """A claim without a journal must roll back."""
    with pytest.raises(JournalFailed):
        journal.create(tmp_path / "none", 7, 9, 1_000, reseller_id=2)


def test_a_power_loss_makes_silent_messages_unknown(tmp_path):
    """K23: lines of the last second may be missing after another start of the machine, so silence proves nothing any more."""
    opened = journal.create(tmp_path, 7, 9, 1_000, reseller_id=2)
    opened.intend(1, 5)
    opened.record(Mark.SENT, 1, Reply(250, "2.0.0", "ok"), "dot")
    opened.close()
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    same = records.parse(before, tenant_id=7, lease_id=9)
    assert (same.of(1).mark, same.of(2)) == (Mark.SENT, None)
    after = records.parse(before.replace(hosts.boot().encode(), b"another-start"), tenant_id=7, lease_id=9)
    assert (after.of(1).mark, after.of(2).mark, after.damaged) == (Mark.SENT, Mark.UNKNOWN, 0)


def test_a_final_reply_is_written_with_the_next_intent_or_when_asked(tmp_path):
    """A write less for each message; what was heard is on record before another body leaves, and whenever the file is let go."""
    opened = journal.create(tmp_path, 7, 9, 1_000, reseller_id=2)
    (path,) = tmp_path.iterdir()

    def marks():
        return {number: one.mark for number, one in records.parse(path.read_bytes(), tenant_id=7, lease_id=9).records.items()}

    opened.intend(1, 5)
    opened.record(Mark.SENT, 1, Reply(250, "2.0.0", "ok"), "dot")
    assert marks() == {1: Mark.INTENT}
    opened.intend(2, 5)
    assert marks() == {1: Mark.SENT, 2: Mark.INTENT}
    opened.record(Mark.DEFERRED, 2, Reply(451, None, "later"), "dot")
    opened.flush()
    assert marks() == {1: Mark.SENT, 2: Mark.DEFERRED}
    size = path.stat().st_size
    opened.flush()
    assert path.stat().st_size == size
    opened.intend(3, 5)
    opened.record(Mark.REFUSED, 3, Reply(550, None, "no"), "dot")
    opened.close()
    assert marks() == {1: Mark.SENT, 2: Mark.DEFERRED, 3: Mark.REFUSED}
