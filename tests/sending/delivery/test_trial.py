"""The trial of a route says at which step it ends, in the server's words, and what to do; no letter is ever sent."""

import asyncio
import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from relay import HANG_UP, SAY_NOTHING, Relay

from posthouse.sending.delivery import smtp, trial
from posthouse.sending.delivery.smtp import Door
from posthouse.sending.delivery.trial import try_door

SENDER = "trial@mail.test"


def _certificate(folder, *, names=("127.0.0.1",), days=(-1, 30)):
    """Make a server's context with a certificate of its own, and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.IPAddress(ipaddress.ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in names]
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now + datetime.timedelta(days=days[0])).not_valid_after(now + datetime.timedelta(days=days[1]))
    made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = made.sign(key, hashes.SHA256())
    file = folder / "relay.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + signed.public_bytes(pem),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


@pytest.fixture
def trusting(monkeypatch):
    """Have the client trust a certificate of the test's besides the machine's own."""

    def trust(file):
        context = ssl.create_default_context(cafile=str(file))
        monkeypatch.setattr(trial, "context", lambda *, verify: context if verify else smtp.context(verify=False))

    return trust


def _try(relay, **door):
    """Try a relay; returns the names of the steps that went well, the last step, and the letters that arrived."""

    async def go():
        async with relay:
            values = {"host": "127.0.0.1", "port": relay.port, "tls": "none", **door}
            return await try_door(Door(**values), sender=SENDER)

    steps = asyncio.run(go())
    assert relay.accepted == []
    assert all(step.well for step in steps[:-1])
    return [step.name for step in steps], steps[-1]


def test_a_relay_that_is_well_passes_every_step():
    """Name, port, greeting, hello, sign-in and sender; then goodbye, and nothing was sent."""

    def script(_session, verb, line):
        return b"235 2.7.0 welcome\r\n" if verb == "AUTH" and "cGFzcw" not in line else None

    relay = Relay(script=script, extensions=("PIPELINING", "AUTH PLAIN"))
    names, last = _try(relay, username="u", password="p")
    assert names == ["Name", "Port", "Greeting", "Hello", "Sign-in", "Sender"]
    assert last.well
    assert last.words == f"250 2.1.0 ok (for {SENDER}; nothing was sent)"
    assert [line.split(" ")[0] for line in relay.sessions[0].lines] == ["EHLO", "AUTH", "MAIL", "RSET", "QUIT"]


def test_a_name_that_is_nowhere():
    """A name that nobody has is a typing mistake. `.invalid` is nobody's by RFC 2606."""
    (step,) = asyncio.run(try_door(Door(host="relay.invalid", port=25, tls="none"), sender=SENDER))
    assert (step.name, step.well) == ("Name", False)
    assert "typing mistake" in step.advice


def test_a_port_where_nobody_listens():
    """Refused: the machine is there, the port isn't."""
    steps = asyncio.run(try_door(Door(host="127.0.0.1", port=1, tls="none"), sender=SENDER))
    assert [step.name for step in steps] == ["Name", "Port"]
    assert "nothing listens on port 1" in steps[-1].advice


def test_an_address_to_send_from_that_is_not_ours():
    """The bind fails, and the advice names the address. 192.0.2.0/24 is for documents (RFC 5737)."""
    names, last = _try(Relay(), source_address="192.0.2.9")
    assert (names[-1], last.well) == ("Port", False)
    assert "doesn't have the address 192.0.2.9" in last.advice
    names, last = _try(Relay(), source_address="::1")
    assert names == ["Port"]
    assert "same kind" in last.words


@pytest.mark.parametrize(
    ("verb", "said", "step", "words", "advice"),
    [
        ("CONNECT", b"554 5.7.1 go away\r\n", "Greeting", "554 5.7.1 go away", "blocked"),
        ("CONNECT", b"HTTP/1.1 400 Bad Request\r\n\r\n", "Greeting", "", "isn't a mail server"),
        ("CONNECT", HANG_UP, "Greeting", "", "closed the connection"),
        ("EHLO", HANG_UP, "Hello", "", "closed the connection"),
        ("MAIL", b"550 5.7.60 sender not allowed\r\n", "Sender", "550 5.7.60 sender not allowed", "Verify the domain"),
        ("MAIL", HANG_UP, "Sender", "", "closed the connection"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refusals_are_told_with_the_servers_words(verb, said, step, words, advice):
    """What the server answered stands there as it was, with what to do."""
    relay = Relay(script=lambda _session, heard, _line: said if heard == verb else None)
    names, last = _try(relay)
    assert (names[-1], last.well) == (step, False)
    assert words in last.words
    assert advice in f"{last.words} {last.advice}"


def test_a_server_that_says_nothing(monkeypatch):
    """The step's time ends it."""
    monkeypatch.setattr(trial, "STEP_SECONDS", 0.5)
    names, last = _try(Relay(script=lambda _session, verb, _line: SAY_NOTHING if verb == "CONNECT" else None))
    assert names[-1] == "Greeting"
    assert last.words.startswith("No answer within")
    assert "doesn't greet" in last.advice


def test_the_whole_trial_has_its_time(monkeypatch):
    """However slowly a server drips, the trial ends."""
    monkeypatch.setattr(trial, "WHOLE_SECONDS", 0.5)
    names, last = _try(Relay(script=lambda _session, verb, _line: SAY_NOTHING if verb == "EHLO" else None))
    assert (names[-1], last.well) == ("Time", False)


def test_a_wrong_password_and_no_sign_in_at_all():
    """Both say what a person can do."""
    refuse = lambda _session, verb, _line: b"535 5.7.8 bad credentials\r\n" if verb == "AUTH" else None  # noqa: E731
    names, last = _try(Relay(script=refuse, extensions=("AUTH PLAIN",)), username="u", password="p")
    assert names[-1] == "Sign-in"
    assert last.words == "535 5.7.8 bad credentials"
    names, last = _try(Relay(), username="u", password="p")
    assert names[-1] == "Sign-in"
    assert "offers no sign-in" in last.advice


def test_starttls_that_is_not_offered():
    """The advice names the other ways."""
    names, last = _try(Relay(), tls="starttls")
    assert names[-1] == "STARTTLS"
    assert "doesn't offer STARTTLS" in last.advice


@pytest.mark.parametrize(
    ("wrong", "trusted", "advice"),
    [
        ({"names": ("other.test",)}, True, "for another name than “127.0.0.1”"),
        ({"days": (-30, -1)}, True, "has expired"),
        ({"days": (5, 30)}, True, "isn't valid yet"),
        ({}, False, "nobody whom this machine trusts"),
    ],
    ids=["name", "expired", "not yet", "unknown authority"],
)
def test_certificates_that_are_not_good(tmp_path, trusting, wrong, trusted, advice):
    """Each kind of bad certificate has its own words; with the check turned off the trial goes on."""
    context, file = _certificate(tmp_path, **wrong)
    if trusted:
        trusting(file)
    names, last = _try(Relay(tls=context), tls="starttls")
    assert (names[-1], last.well) == ("Certificate", False)
    assert advice in last.advice
    assert _try(Relay(tls=context), tls="starttls", verify=False)[1].well


def test_a_good_certificate_passes(tmp_path, trusting):
    """Encrypted, asked again, and accepted."""
    context, file = _certificate(tmp_path)
    trusting(file)
    names, last = _try(Relay(tls=context), tls="starttls")
    assert names[-4:] == ["Hello", "STARTTLS", "Hello again", "Sender"]
    assert last.well


def test_tls_from_the_start_against_a_server_that_speaks_plain():
    """The advice tells the two kinds of ports apart."""
    names, last = _try(Relay(), tls="tls")
    assert (names[-1], last.well) == ("Encryption", False)
    assert "usually 587 or 25" in last.advice
