"""The demonstration's input is real: files and letters as people have them."""

import re

import pytest

from posthouse.sending.content.compile import compile_letter
from posthouse.sending.content.letters import Letter
from posthouse.webui.demo.cast import CAST


def test_the_three_files_are_large_and_each_of_another_product():
    """More than 6,000 contacts in three files with three delimiters and three encodings, each with rows that must be refused."""
    files = [part.contacts() for part in CAST]
    assert sum(file.good for file in files) > 6_000
    assert all(file.rows > file.good for file in files)
    assert {part.form.delimiter for part in CAST} == {",", ";", "\t"}
    assert {part.form.encoding for part in CAST} == {"utf-8-sig", "cp1252", "utf-8"}
    assert files == [part.contacts() for part in CAST], "the same each time"


@pytest.mark.parametrize("part", CAST, ids=lambda part: part.letter)
def test_a_letter_is_one_that_a_shop_would_send(part):
    """15 to 50 KB, pictures, tables, ten links and more, letters beyond ASCII, personal fields with fallbacks."""
    kind, source = part.source()
    assert 15_000 <= len(source.encode()) <= 50_000
    fields = frozenset(re.findall(r"contact\.(\w+)", source + part.subject)) | {"email"}
    letter = Letter(
        subject=part.subject, preheader=part.preheader, html=source, kind=kind, postal_address=part.postal_address, fields=fields,
        sample={"email": "a@b.example"},
    )  # fmt: skip
    outcome = compile_letter(letter)
    assert outcome.compiled, outcome.problems
    assert len(outcome.compiled.links) >= 10
    assert outcome.compiled.html.count("<img") >= 4
    assert "<table" in outcome.compiled.html
    assert not source.isascii()
    assert "| default:" in source
    assert 15_000 <= outcome.compiled.html_bytes <= 100_000


def test_the_limits_make_one_list_larger_than_its_quota():
    """One tenant's quota comes from a plan and is smaller than its list; one campaign is started by a program."""
    (short,) = [part for part in CAST if part.quota < part.people]
    assert short.by_plan
    assert [part.by_key for part in CAST].count(True) == 1
