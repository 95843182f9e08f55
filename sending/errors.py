"""Refusals that more than one noun of sending makes."""

from __future__ import annotations

from collections.abc import Iterable

from posthouse.platform.errors import Forbidden, Invalid
from posthouse.sending.content.problems import Problem


def content_refused(problems: Iterable[Problem]) -> Invalid:
    """Make the refusal of a letter, with every finding, its line and excerpt."""
    found = [problem for problem in problems if problem.error]
    first = found[0]
    place = f" (line {first.line})" if first.line else ""
    return Invalid(
        "content_refused",
        f"The letter can't be sent yet{place}: {first.sentence}",
        field=first.part,
        problems=[
            {
                "code": each.code,
                "sentence": each.sentence,
                "part": each.part,
                "line": each.line,
                "excerpt": each.excerpt,
                "error": each.error,
            }
            for each in found
        ],
    )


def domain_not_yours(domain: str) -> Forbidden:
    """Make the refusal of a From domain that the tenant has not verified; the same whether somebody else has it or nobody."""
    return Forbidden(
        "from_domain_not_verified",
        f"You can't send from “{domain}”: it is not one of your verified domains. Add it under Domains and publish its records.",
        domain=domain,
    )
