"""Domains of one mailbox provider share a group; a look-alike doesn't join it."""

import pytest

from posthouse.sending.mailboxes.rules import OTHER, group_of, names


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("gmail.com", "google"),
        ("GoogleMail.com", "google"),
        ("hotmail.co.uk", "microsoft"),
        ("outlook.de", "microsoft"),
        ("yahoo.com.br", "yahoo"),
        ("me.com", "apple"),
        ("gmx.net", "united"),
        ("example.com", OTHER),
        ("yahoo.example.com", OTHER),
        ("gmail.com.example.org", OTHER),
        ("mail.gmail.com", OTHER),
        ("yahoo", OTHER),
        ("", OTHER),
    ],
)
def test_a_domain_has_its_group(domain, group):
    """Exact names, and national endings of the wide ones."""
    assert group_of(domain) == group
    assert group in names()
