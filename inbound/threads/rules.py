"""Decide what is a person's answer, and how it is forwarded: pure."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.inbound.parsing.cards import Kind, Understood
from posthouse.inbound.parsing.headers import addresses
from posthouse.inbound.parsing.letter import read_letter

FORWARDS_OF_THREAD = 20
"""So many answers to one message are forwarded; more than that is no conversation but two programs. They stay in the inbox."""
FORWARDED_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person wrote. `address` is where an answer to them goes (their Reply-To, else From); empty when they name none."""

    author: str
    address: str
    subject: str
    text: str
    attachments: int


def is_by_person(understood: Understood, role: str, *, nobody: bool) -> bool:
    """Did a person write this to us? A mail to a reply address need not look like an answer; one without a sender is a program's."""
    if nobody or understood.automatic or not understood.sender.strip():
        return False
    return understood.kind is Kind.REPLY or (role == "reply" and understood.kind is Kind.UNKNOWN)


def read_answer(raw: bytes) -> Answer:
    """Read what a person wrote; never raises, for any bytes."""
    letter = read_letter(raw)
    written = addresses(letter.get("reply-to")) or addresses(letter.sender)
    files = sum(1 for part in letter.mail.parts if part.get("content-disposition").lower().startswith("attachment"))
    return Answer(letter.sender, next(iter(written), ""), letter.subject, letter.text.strip(), files)


def forwarded_subject(subject: str) -> str:
    """The subject under which an answer is forwarded."""
    return subject.strip()[:200] or "An answer without a subject"


def forwarded_text(answer: Answer) -> str:
    """The words under which an answer is forwarded: who wrote, what, and what did not fit."""
    cut = len(answer.text) > FORWARDED_CHARACTERS
    left_out = [
        *(["The rest of this long answer is in your inbox."] if cut else []),
        *([f"{answer.attachments} attached file(s) are in your inbox only."] if answer.attachments else []),
    ]
    body = answer.text[:FORWARDED_CHARACTERS] or "(no words)"
    return "\n\n".join([f"{answer.author} wrote:", body, *left_out])
