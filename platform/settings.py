"""Every setting of the house: name, type, unit, default and a sentence. The only reader of the environment.

A setting `web_port` is read from `POSTHOUSE_WEB_PORT`. An unknown name or a value that does not fit stops the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from posthouse.platform import setting_rules as rules
from posthouse.platform.setting_rules import Form

PREFIX = "POSTHOUSE_"


class WrongSetting(Exception):
    """A setting is unknown or does not fit; the text names it and says why."""


# What a number of a unit must be, where the setting itself demands nothing else.
_FORMS = {"port": rules.PORT, "": None} | dict.fromkeys(("bytes", "connections", "requests", "threads"), rules.at_least(1))


def setting(default: Any, sentence: str, *, unit: str = "", secret: bool = False, form: Form | None = None) -> Any:
    """Declare one setting; `unit` is empty where the type says all, `form` is a demand beyond the type."""
    return field(default=default, metadata={"sentence": sentence, "unit": unit, "secret": secret, "form": form or _FORMS.get(unit)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, read once at the start of a process."""

    data: Path = setting(
        Path("posthouse-data"),
        "Folder for everything kept on this machine: embedded services, spool, journals, uploads.",
        form=rules.NOT_EMPTY,
    )
    free_disk_bytes: int = setting(
        1024**3,
        "Room under the data folder below which `posthouse doctor` fails; below twice that it warns.",
        unit="bytes",
        form=rules.at_least(0),
    )
    database_url: str = setting(
        "",
        "PostgreSQL 15 or later, as an administrator who may create roles. Empty: an embedded server under the data folder.",
        secret=True,
        form=rules.DATABASE,
    )
    redis_url: str = setting("", "Redis 6.2 or later. Empty: an embedded server under the data folder.", secret=True, form=rules.REDIS)
    secret_keys: str = setting(
        "",
        "Master keys as ID:BASE64 of 32 bytes, comma separated, newest first, IDs 1 to 255. Empty: read from secret.keys in the data folder.",
        secret=True,
    )
    log_level: str = setting(
        "info", "Least level that is logged: debug, info, warning or error.", form=rules.one_of("debug", "info", "warning", "error")
    )
    log_json: bool = setting(True, "Log one JSON object a line; otherwise lines for a person.")

    installation_name: str = setting(
        "Mail",
        "Name shown where no reseller is known yet, such as the sign-in page of an unknown host; names no product.",
        form=rules.NOT_EMPTY,
    )
    public_url: str = setting(
        "http://127.0.0.1:8025",
        "Address under which people reach the web service; the base of links where no own host is set.",
        form=rules.WEB_ADDRESS,
    )
    web_host: str = setting("127.0.0.1", "Address on which the web service listens.", form=rules.NOT_EMPTY)
    web_port: int = setting(8025, "Port on which the web service listens.", unit="port")
    web_threads: int = setting(16, "Requests that one web process answers at the same time.", unit="threads")
    api_requests_per_minute: int = setting(600, "Requests a minute that one API key may make.", unit="requests")
    web_proxies: str = setting(
        "", "IP addresses of proxies whose X-Forwarded-* headers are believed, comma separated.", form=rules.IP_ADDRESSES
    )

    mail_domain: str = setting(
        "mail.localhost",
        "Domain of return paths and complaint addresses where a tenant has none of its own; names no product.",
        form=rules.HOST_NAME,
    )
    inbound_host: str = setting("127.0.0.1", "Address on which the inbound SMTP service listens.", form=rules.NOT_EMPTY)
    inbound_port: int = setting(2525, "Port on which the inbound SMTP service listens.", unit="port")
    inbound_hostname: str = setting(
        "", "Name that the inbound SMTP service greets with. Empty: the mail domain.", form=rules.HOST_NAME_OR_EMPTY
    )
    inbound_certificate: str = setting("", "File with the certificate chain for STARTTLS of the inbound SMTP service. Empty: no STARTTLS.")
    inbound_key: str = setting("", "File with the key of that certificate. Empty: it stands in the same file.")
    inbound_message_bytes: int = setting(16 * 1024 * 1024, "Largest mail that the inbound SMTP service takes.", unit="bytes")
    inbound_mail_days: int = setting(
        90,
        "Days for which mail that came back is kept; what it did stays, and so do answers by people.",
        unit="days",
        form=rules.at_least(15),
    )
    inbound_post_days: int = setting(
        30, "Days for which providers' posts and accounting files that were sorted are kept.", unit="days", form=rules.at_least(1)
    )
    inbound_connections: int = setting(500, "Connections that the inbound SMTP service holds at the same time.", unit="connections")
    inbound_connections_of_peer: int = setting(50, "Of these, how many from one address.", unit="connections")
    feedback_sources: str = setting(
        "",
        "Whose complaints may stop a tenant, besides the mailbox providers' that ship: mail addresses and domains (proven by DKIM or SPF),"
        " IP addresses and networks; comma separated. All others suppress one recipient only.",
        form=rules.MAIL_SOURCES,
    )
    box_token_hosts: str = setting(
        "",
        "Hosts, HOST or HOST:PORT, whose OAuth token services bounce mailboxes may be signed in with, besides Google's and Microsoft's;"
        " comma separated. By https, or by http on 127.0.0.1.",
    )
    inbound_lmtp_host: str = setting("127.0.0.1", "Address on which the inbound service listens for LMTP.", form=rules.NOT_EMPTY)
    inbound_lmtp_port: int = setting(
        0,
        "Port on which the inbound service takes mail by LMTP from a mail server in front of it. 0: none.",
        unit="port",
        form=rules.PORT_OR_NONE,
    )
    submission_host: str = setting("127.0.0.1", "Address on which the submission service listens.", form=rules.NOT_EMPTY)
    submission_port: int = setting(
        2587, "Port on which programs hand in mail by SMTP with STARTTLS. 0: none.", unit="port", form=rules.PORT_OR_NONE
    )
    submission_tls_port: int = setting(
        2465, "Port on which programs hand in mail by SMTP over TLS. 0: none.", unit="port", form=rules.PORT_OR_NONE
    )
    submission_hostname: str = setting(
        "",
        "Name that the submission service greets with, and that its certificate holds. Empty: the mail domain.",
        form=rules.HOST_NAME_OR_EMPTY,
    )
    submission_public_port: int = setting(
        587,
        "Port that programs are told for STARTTLS, where a router maps another one. 0: the one on which it listens.",
        unit="port",
        form=rules.PORT_OR_NONE,
    )
    submission_public_tls_port: int = setting(
        465,
        "Port that programs are told for TLS, where a router maps another one. 0: the one on which it listens.",
        unit="port",
        form=rules.PORT_OR_NONE,
    )
    submission_certificate: str = setting(
        "", "File with the certificate chain of the submission service. Empty: it takes no keys, so it doesn't run, but see the next."
    )
    submission_key: str = setting("", "File with the key of that certificate. Empty: it stands in the same file.")
    submission_plain_loopback: bool = setting(False, "Let programs on this very machine hand in mail without TLS.")
    submission_message_bytes: int = setting(
        10 * 1024 * 1024, "Largest ready-made message that programs may hand in, by SMTP or API.", unit="bytes"
    )
    submission_connections: int = setting(500, "Connections that the submission service holds at the same time.", unit="connections")
    submission_connections_of_peer: int = setting(50, "Of these, how many from one address.", unit="connections")
    allow_reserved_domains: bool = setting(
        False, "Take addresses under .test, .example, .invalid and the like, where no real mail arrives: for rehearsals only."
    )
    dns_servers: str = setting(
        "",
        "Name servers as IP addresses, an IPv4 one also with :PORT, comma separated. Empty: those of the system.",
        form=rules.NAME_SERVERS,
    )

    simulator_host: str = setting("127.0.0.1", "Address on which the mailbox simulator listens.", form=rules.NOT_EMPTY)
    simulator_smtp_port: int = setting(2526, "Port on which the simulator takes mail.", unit="port")
    simulator_state_port: int = setting(2527, "Port of the simulator's JSON state.", unit="port")
    simulator_dns_port: int = setting(2528, "Port of the simulator's name server (UDP and TCP).", unit="port")
    simulator_scenario: str = setting("", "Scenario file (TOML) that the simulator plays. Empty: the one that ships.")
    simulator_inbound: str = setting(
        "",
        "Where the simulator sends reports and answers, as HOST:PORT. Empty: the inbound service's address.",
        form=rules.HOST_PORT_OR_EMPTY,
    )
    simulator_web: str = setting(
        "", "Where the simulator fetches pixels and links, as HOST:PORT. Empty: the web service's address.", form=rules.HOST_PORT_OR_EMPTY
    )
    simulator_verify: bool = setting(True, "Whether the simulator verifies the DKIM signatures of all mail.")

    stripe_api: str = setting(
        "https://api.stripe.com", "Address of Stripe's API; another one for `posthouse stripe-double`.", form=rules.WEB_ADDRESS
    )

    webhook_private_addresses: bool = setting(
        False,
        "Let webhooks go to private addresses, any port and plain HTTP: for rehearsals only, since it opens the inner network to tenants.",
    )
    sign_mail: bool = setting(True, "Sign mail with the tenants' DKIM keys. No: the relays behind all routes do it.")

    workers_jobs: int = setting(
        1, "Worker processes for background jobs that `posthouse up` keeps.", unit="processes", form=rules.at_least(0)
    )
    workers_marketing: int = setting(1, "Worker processes that send campaigns.", unit="processes", form=rules.at_least(0))
    workers_transactional: int = setting(
        2,
        "Worker processes that send single messages; of two, one works while the other changes shifts.",
        unit="processes",
        form=rules.at_least(0),
    )
    workers_webhooks: int = setting(1, "Worker processes that call tenants' webhooks.", unit="processes", form=rules.at_least(0))


def _text(value: str) -> str:
    return value


def _whole(value: str) -> int:
    return int(value, 10)


def _flag(value: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    return known[value.strip().lower()]


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "str": (_text, "a text"),
    "int": (_whole, "a whole number"),
    "float": (float, "a number"),
    "bool": (_flag, "yes or no"),
    "Path": (Path, "a path"),
}


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment. Raises: WrongSetting."""
    known = {PREFIX + f.name.upper(): f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for name, text in environ.items():
        if not name.startswith(PREFIX):
            continue
        if name not in known:
            raise WrongSetting(f"{name}: there is no such setting. {_nearest(name, list(known))}See `posthouse settings`.")
        values[known[name].name] = _read(name, text, known[name])
    return _checked(Settings(**values))


def _read(name: str, text: str, declared: Field[Any]) -> Any:
    reader, expected = _READERS[str(declared.type)]
    try:
        return reader(text)
    except (ValueError, KeyError):
        shown = "its value" if declared.metadata["secret"] else repr(text)
        raise WrongSetting(f"{name}: {shown} is not {expected}. {declared.metadata['sentence']}") from None


def _checked(settings: Settings) -> Settings:
    for f in fields(Settings):
        form, value = f.metadata["form"], getattr(settings, f.name)
        if form is not None and not form.fits(value):
            shown = "its value" if f.metadata["secret"] else repr(str(value))
            raise WrongSetting(f"{PREFIX}{f.name.upper()}: {shown} is not {form.expected}. {f.metadata['sentence']}")
    return settings


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}? " if near else ""


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which `load` reads these settings again; what stands at its default is left out."""
    plain = Settings()
    named = {f.name: getattr(settings, f.name) for f in fields(Settings) if getattr(settings, f.name) != getattr(plain, f.name)}
    return {PREFIX + name.upper(): "yes" if value is True else "no" if value is False else str(value) for name, value in named.items()}


def from_environment() -> Settings:
    """Read the settings of this process. Raises: WrongSetting."""
    return load(os.environ)


def environment() -> dict[str, str]:
    """Return a copy of this process's environment, for child processes."""
    return dict(os.environ)


def take_environment(given: Mapping[str, str]) -> None:
    """Replace this process's environment, as if it had been started with this one."""
    os.environ.clear()
    os.environ.update(given)
