"""The doctor's question about DNS: does each name server answer, and does mail to our return paths find its way?"""

from __future__ import annotations

from collections.abc import Iterator

from posthouse.platform.doctor.findings import Check, Finding, Ground, fail, ok, warn
from posthouse.platform.settings import WrongSetting
from posthouse.sending.domains.dns import DnsResolver
from posthouse.sending.domains.rules import Answer


def _look(ground: Ground) -> Iterator[Finding]:
    domain, answers = ground.settings.mail_domain, list[Answer]()
    for server in [part.strip() for part in ground.settings.dns_servers.split(",") if part.strip()] or [""]:
        who = server or "the system's resolver"
        try:
            answer = DnsResolver(server).ask(domain, "MX")
        except WrongSetting as problem:
            yield fail("dns", str(problem), "Correct POSTHOUSE_DNS_SERVERS.")
            continue
        if answer.failed:
            yield fail("dns", f"{who} gives no answer for {domain}", "Mend the resolver, or name others in POSTHOUSE_DNS_SERVERS.")
            continue
        yield ok("dns", f"{who} answers")
        answers.append(answer)
    if answers and not any(answer.values for answer in answers):
        yield warn(
            "dns", f"{domain} has no MX record", "Publish one that names this machine: without it no bounce and no complaint comes back."
        )


CHECK = Check("dns", _look)
