"""Which addresses are taken, in which form, and why others are not (row 33 of the bad inputs)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.contacts.addresses import MAX_ADDRESS_OCTETS, Address, AddressRefused, parse

ACCEPTED = [
    ("ann@company.com", "ann@company.com", "ann@company.com"),
    ("  Ann.Lee+news@Company.COM\t", "Ann.Lee+news@company.com", "ann.lee+news@company.com"),
    ("\ufeffann@company.com\u00a0", "ann@company.com", "ann@company.com"),
    ("o'neil@company.co.uk", "o'neil@company.co.uk", "o'neil@company.co.uk"),
    ("x@bücher.com", "x@xn--bcher-kva.com", "x@xn--bcher-kva.com"),
    ("x@BÜCHER.com", "x@xn--bcher-kva.com", "x@xn--bcher-kva.com"),
    ("x@xn--bcher-kva.com", "x@xn--bcher-kva.com", "x@xn--bcher-kva.com"),
    ("x@faß.de", "x@xn--fa-hia.de", "x@xn--fa-hia.de"),
    ("x@例え。テスト", "x@xn--r8jz45g.xn--zckzah", "x@xn--r8jz45g.xn--zckzah"),
    ("x@company.xn--p1ai", "x@company.xn--p1ai", "x@company.xn--p1ai"),
    ("José@company.com", "José@company.com", "josé@company.com"),
    ("Jose\u0301@company.com", "José@company.com", "josé@company.com"),
    ("😀@company.com", "😀@company.com", "😀@company.com"),
    ("аnn@company.com", "аnn@company.com", "аnn@company.com"),  # a Cyrillic letter: another contact than ann@
    (f"{'a' * 64}@company.com", f"{'a' * 64}@company.com", f"{'a' * 64}@company.com"),
    ("a.b@gmail.com", "a.b@gmail.com", "a.b@gmail.com"),
]

REFUSED = [
    ("", "address_empty"),
    ("   ", "address_empty"),
    ("@company.com", "address_empty"),
    ("ann", "address_without_at"),
    ("a@b", "address_domain_incomplete"),
    ('"a b"@c.d', "address_quoted_local"),
    ("a@[127.0.0.1]", "address_literal"),
    ("a@[IPv6:::1]", "address_literal"),
    ("a@127.0.0.1", "address_domain_incomplete"),
    ("a@b.com\nBcc: x@y.com", "address_control_character"),
    ("a@b.com\r\nx", "address_control_character"),
    ("a\0@b.com", "address_control_character"),
    ("a\u200d@b.com", "address_control_character"),
    ("a\u202e@b.com", "address_control_character"),
    ("a\ud800@b.com", "address_control_character"),
    (f"{'a' * 65}@company.com", "address_local_too_long"),
    (f"{'é' * 33}@company.com", "address_local_too_long"),
    ("a@" + ".".join(["a" * 49] * 5) + ".comp", "address_too_long"),
    ("a@" + "b" * 64 + ".com", "address_malformed"),
    ("a" * 10_000_000, "address_too_long"),
    ("a@b.co.", "address_dot_misplaced"),
    ("a.@b.com", "address_dot_misplaced"),
    (".a@b.com", "address_dot_misplaced"),
    ("a..b@c.com", "address_dot_misplaced"),
    ("a@.b.com", "address_dot_misplaced"),
    ("a@b..com", "address_dot_misplaced"),
    ("<a@b.com>", "address_display_name"),
    ("Ann <a@b.com>", "address_display_name"),
    ("a%b@c.com", "address_route"),
    ("host!a@c.com", "address_route"),
    ("@relay.com:a@b.com", "address_empty"),
    ("a@b@c.com", "address_two_at"),
    ("a@b.com@", "address_two_at"),
    ("a@b\uff20c.com", "address_malformed"),
    ("a@b.com, c@d.com", "address_several"),
    ("a@b.com;c@d.com", "address_several"),
    ("a b@c.com", "address_blank_inside"),
    ("a@b_c.com", "address_malformed"),
    ("a@-b.com", "address_malformed"),
    ("a@b-.com", "address_malformed"),
    ("a@☃.com", "address_malformed"),
    ("a@b.123", "address_domain_incomplete"),
    ("mailto:a@b.com", "address_malformed"),
    ("a\ufffd@b.com", "address_unreadable"),
    ("a@company.test", "address_domain_reserved"),
    ("a@company.example", "address_domain_reserved"),
    ("a@bücher.test", "address_domain_reserved"),
    ("a@mail.localhost", "address_domain_reserved"),
]


@pytest.mark.parametrize(("text", "email", "norm"), ACCEPTED)
def test_row_33_accepted_list(text, email, norm):
    """Each address on the written-down list is taken, in one form to send to and one to compare."""
    found = parse(text)
    assert isinstance(found, Address)
    assert (found.email, found.norm, found.domain) == (email, norm, norm.rpartition("@")[2])
    assert found.smtputf8 is not email.isascii()


@pytest.mark.parametrize(("text", "code"), REFUSED, ids=lambda value: ascii(value[:40]))
def test_row_33_refused_with_code_and_sentence(text, code):
    """Each wrong shape has its own code and a sentence."""
    found = parse(text)
    assert isinstance(found, AddressRefused), found
    assert found.code == code, found
    assert found.sentence.endswith(".")
    assert "\n" not in found.sentence


@pytest.mark.parametrize(
    "domain", ["company.test", "company.example", "a.b.invalid", "mail.localhost", "box.local", "bücher.test", "BÜCHER.Example"]
)
def test_reserved_domains_where_allowed(domain):
    """An installation for rehearsals takes addresses under reserved names, and keeps the name."""
    found = parse(f"ann@{domain}", allow_reserved=True)
    assert isinstance(found, Address)
    assert found.domain == domain.lower().replace("bücher", "xn--bcher-kva")


def test_reserved_names_are_still_judged():
    """Allowing reserved names allows nothing else."""
    assert isinstance(parse("a@b_c.test", allow_reserved=True), AddressRefused)
    assert isinstance(parse("a@test", allow_reserved=True), AddressRefused)


@given(st.text(max_size=80), st.booleans())
def test_never_raises(text, allow):
    """Whatever the text, there is an address or a refusal; an address has nothing that ends a header or names another recipient."""
    found = parse(text, allow_reserved=allow)
    if isinstance(found, AddressRefused):
        assert found.code.startswith("address_")
        return
    assert not set(found.email) & set('\r\n\0,;<>" %!()')
    assert found.email.count("@") == 1
    assert len(found.email.encode()) <= MAX_ADDRESS_OCTETS


@given(st.from_regex(r"\A[\w.+\-é😀ß]{1,20}@[a-zäß0-9\-]{1,12}(\.[a-zA-Zö]{2,6}){1,2}\Z"))
def test_reading_twice_changes_nothing(text):
    """An accepted address and its normal form are accepted again, unchanged."""
    found = parse(text)
    if isinstance(found, Address):
        assert parse(found.email) == found
        again = parse(found.norm)
        assert isinstance(again, Address)
        assert again.norm == found.norm


@given(st.from_regex(r"\A[a-z.+\-_]{1,20}@[a-z0-9\-]{1,12}(\.[a-z]{2,6}){1,2}\Z"))
def test_row_34_case_makes_no_other_contact(text):
    """Upper and lower case compare as one address."""
    lower, upper = parse(text), parse(text.upper())
    if isinstance(lower, Address):
        assert isinstance(upper, Address)
        assert lower.norm == upper.norm


@pytest.mark.bench
def test_speed():
    """At least 50,000 ordinary addresses a second."""
    texts = [f"Person.{number}@mail{number % 50}.company.com" for number in range(100_000)]
    begin = time.process_time()
    for text in texts:
        parse(text)
    assert len(texts) / (time.process_time() - begin) >= 50_000
