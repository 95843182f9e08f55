"""Automatic answers are told from people's, in many languages, with and without marks; challenges are automatic too."""

from __future__ import annotations

import answers
import pytest

from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.parsing.reading import read


def _mail(sender: str, fields: str, subject: str, text: str) -> bytes:
    head = f"From: {sender}\nTo: b@shop.example\n{fields}Subject: {subject}\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{text}\n".encode()


@pytest.mark.parametrize("answer", answers.AUTOMATIC, ids=[one[2] for one in answers.AUTOMATIC])
def test_an_automatic_answer_is_known(answer: tuple[str, str, str, str]) -> None:
    """By its marks, its subject, or what it says in its first words."""
    assert read(_mail(*answer)).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize("answer", answers.BY_PEOPLE_OR_SHOPS, ids=[one[2] for one in answers.BY_PEOPLE_OR_SHOPS])
def test_what_people_and_shops_write_is_no_automatic_answer(answer: tuple[str, str, str, str]) -> None:
    """Holidays are spoken of, and addresses confirmed, without any machine having answered."""
    assert read(_mail(*answer)).kind in (Kind.REPLY, Kind.UNKNOWN)


def test_a_person_who_quotes_a_machine_is_still_a_person() -> None:
    """Only a letter's own opening says what it is."""
    quoted = "Hi, you were away, so again:\n\n> This is an automatic reply. I am out of the office until Monday.\n"
    assert read(_mail("ann@example.net", "In-Reply-To: <x@y>\n", "Re: hello", quoted)).kind is Kind.REPLY
