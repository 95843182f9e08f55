"""Requests as providers make them, signed with keys made for this run."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from posthouse.inbound.providers.cards import HookRequest

NOW = 1_800_000_000
KEY = "key-of-ours"
WHO = "ann@example.net"
URL = "https://mail.example/hooks/providers/x/y"
_EC = ec.generate_private_key(ec.SECP256R1())
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_DER, _SPKI = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo


@dataclass(frozen=True)
class Call:
    """A genuine request with the secret that proves it, and what it means: event type and reason."""

    request: HookRequest
    secret: str
    type: str
    reason: str | None


def request(body: bytes, content_type: str = "application/json", **headers: str) -> HookRequest:
    """A posted request; underscores in header names become hyphens."""
    return HookRequest(URL, content_type, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def _hex(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def _basic(secret: str) -> str:
    return "Basic " + base64.b64encode(secret.encode()).decode()


def sendgrid(at: int = NOW) -> Call:
    """A hard bounce of SendGrid."""
    entry = {"email": WHO, "event": "bounce", "type": "bounce", "sg_event_id": "e1", "timestamp": at, "reason": "550 5.1.1 no such user"}
    body = json.dumps([entry]).encode()
    signature = base64.b64encode(_EC.sign(str(at).encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {"x_twilio_email_event_webhook_timestamp": str(at), "x_twilio_email_event_webhook_signature": signature}
    return Call(request(body, **headers), base64.b64encode(_EC.public_key().public_bytes(_DER, _SPKI)).decode(), "bounced", None)


def mailgun(at: int = NOW) -> Call:
    """A lasting failure of Mailgun."""
    data = {"event": "failed", "severity": "permanent", "reason": "bounce", "recipient": WHO, "delivery-status": {"code": 550}}
    signed = {"timestamp": str(at), "token": "t" * 50, "signature": _hex(KEY, f"{at}{'t' * 50}".encode())}
    return Call(request(json.dumps({"event-data": data, "signature": signed}).encode()), KEY, "bounced", "bounced")


def mailgun_form(at: int = NOW) -> Call:
    """The older form of Mailgun's hooks."""
    fields = {
        "event": "dropped",
        "code": "607",
        "recipient": WHO,
        "timestamp": at,
        "token": "f1",
        "signature": _hex(KEY, f"{at}f1".encode()),
    }
    return Call(request(urlencode(fields).encode(), "application/x-www-form-urlencoded"), KEY, "rejected", "spam")


def postmark() -> Call:
    """A soft bounce of Postmark."""
    body = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 42, "Email": WHO, "BouncedAt": "2026-01-01T00:00:00Z"}
    return Call(request(json.dumps(body).encode(), authorization=_basic("user:pass")), "user:pass", "bounced", "bounced")


def sparkpost() -> Call:
    """An invalid recipient at SparkPost."""
    event = {"type": "bounce", "bounce_class": "10", "rcpt_to": WHO, "event_id": "1", "timestamp": "1800000000"}
    body = json.dumps([{"msys": {"message_event": event}}, {"msys": {}}]).encode()
    return Call(request(body, authorization=_basic("user:pass")), "user:pass", "bounced", "invalid")


def mailjet() -> Call:
    """An unknown user at Mailjet."""
    body = {"event": "bounce", "email": WHO, "error": "user unknown", "hard_bounce": True, "MessageID": 7}
    return Call(request(json.dumps(body).encode(), authorization=_basic("user:pass")), "user:pass", "bounced", "bounced")


def brevo() -> Call:
    """A complaint at Brevo."""
    body = {"event": "spam", "email": WHO, "message-id": "<m@x>", "ts_epoch": 1_800_000_000_000}
    return Call(request(json.dumps(body).encode(), authorization=_basic("user:pass")), "user:pass", "complained", "spam")


def mandrill(url: str = URL) -> Call:
    """A rejection by Mandrill's own list, posted to that address."""
    events = json.dumps([{"event": "reject", "reject": {"reason": "hard-bounce", "email": WHO}, "msg": {"email": WHO}, "ts": NOW}])
    signature = base64.b64encode(hmac.new(KEY.encode(), f"{url}mandrill_events{events}".encode(), hashlib.sha1).digest()).decode()
    body = urlencode({"mandrill_events": events}).encode()
    return Call(request(body, "application/x-www-form-urlencoded", x_mandrill_signature=signature), KEY, "rejected", "bounced")


def resend(at: int = NOW) -> Call:
    """A bounce at Resend."""
    body = json.dumps({"type": "email.bounced", "data": {"email_id": "e", "to": [WHO], "bounce": {"type": "Permanent"}}}).encode()
    key = b"0123456789abcdef"
    signature = base64.b64encode(hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"svix_id": "msg_1", "svix_timestamp": str(at), "svix_signature": f"v1,AAAA v1,{signature}"}
    return Call(request(body, **headers), "whsec_" + base64.b64encode(key).decode(), "bounced", "bounced")


def mailersend() -> Call:
    """A leaver at MailerSend."""
    email = {"recipient": {"email": WHO}, "message": {"id": "m"}}
    data = {"id": "1", "type": "unsubscribed", "email": email, "morph": {"object": "recipient_unsubscribe"}}
    body = json.dumps({"type": "activity.unsubscribed", "data": data}).encode()
    return Call(request(body, signature=_hex(KEY, body)), KEY, "unsubscribed", "unsubscribed")


def mailtrap() -> Call:
    """A delay at Mailtrap."""
    body = json.dumps({"events": [{"event": "soft bounce", "email": WHO, "event_id": "1"}]}).encode()
    return Call(request(body, mailtrap_signature=_hex(KEY, body)), KEY, "deferred", "other")


def postal() -> Call:
    """A bounce at Postal, which names the message that bounced and the bounce itself."""
    body = json.dumps(
        {"event": "MessageBounced", "payload": {"original_message": {"to": WHO}, "bounce": {"to": "x@y"}}, "uuid": "1"}
    ).encode()
    signature = base64.b64encode(_RSA.sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()
    return Call(
        request(body, x_postal_signature=signature),
        base64.b64encode(_RSA.public_key().public_bytes(_DER, _SPKI)).decode(),
        "bounced",
        "bounced",
    )


def unisendergo() -> Call:
    """A spam refusal at Unisender Go, in its nested form."""
    event = {"status": "hard_bounced", "email": WHO, "delivery_info": {"delivery_status": "err_spam_rejected"}}
    groups = [{"events": [{"event_name": "transactional_email_status", "event_data": event}, {"event_name": "transactional_spam_block"}]}]
    plain = json.dumps({"auth": KEY, "events_by_user": groups}).encode()
    return Call(request(plain.replace(f'"{KEY}"'.encode(), f'"{hashlib.md5(plain).hexdigest()}"'.encode(), 1)), KEY, "bounced", "spam")


def elasticemail() -> Call:
    """A missing mailbox at Elastic Email."""
    fields = urlencode({"to": WHO, "status": "Error", "category": "NoMailbox", "date": "1/1/2026 1:00:00 PM"})
    return Call(
        request(fields.encode(), "application/x-www-form-urlencoded", authorization=_basic("user:pass")), "user:pass", "bounced", "bounced"
    )


def powermta() -> Call:
    """A bounce in an accounting file of PowerMTA."""
    line = f'b,1800000000,bounce@mail.example,{WHO},failed,5.1.1 (bad destination mailbox address),"smtp;550 5.1.1 no such ""user""",bad-mailbox'
    body = f"type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,bounceCat\r\n{line}\r\n".encode()
    return Call(request(body, "text/csv", authorization=f"Bearer {KEY}"), KEY, "bounced", None)


def kumomta() -> Call:
    """A bounce in the log of KumoMTA."""
    response = {"code": 550, "enhanced_code": {"class": 5, "subject": 1, "detail": 1}, "content": "no such user", "command": None}
    record = {"type": "Bounce", "id": "d7ef", "recipient": WHO, "response": response, "timestamp": NOW, "nodeid": "n", "num_attempts": 0}
    return Call(request(json.dumps(record).encode(), authorization=_basic("user:pass")), "user:pass", "bounced", None)


CALLS = {
    "sendgrid": sendgrid,
    "mailgun": mailgun,
    "postmark": postmark,
    "sparkpost": sparkpost,
    "mailjet": mailjet,
    "brevo": brevo,
    "mandrill": mandrill,
    "resend": resend,
    "mailersend": mailersend,
    "mailtrap": mailtrap,
    "postal": postal,
    "unisendergo": unisendergo,
    "elasticemail": elasticemail,
    "powermta": powermta,
    "kumomta": kumomta,
}
STAMPED = {"sendgrid": sendgrid, "mailgun": mailgun, "resend": resend}
