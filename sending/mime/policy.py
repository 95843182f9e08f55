"""Which headers of a ready-made message pass, which are taken out and which may stand there once: data, with the reason for each."""

from __future__ import annotations

# RFC 5322 3.6 lets these stand once; a second one would be shown by one program and judged by another. The last rows are
# single by their own standards (RFC 2919, 2369, 8058, 2045, 3834).
SINGLE = frozenset(
    {
        "from", "sender", "reply-to", "to", "cc", "message-id", "in-reply-to", "references", "subject", "date",
        "list-id", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted",
        "mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id",
    }
)  # fmt: skip

ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc"})

# Taken out before the message is kept.
REMOVED = {
    "bcc": "who gets it in secret stands in the envelope only",
    "resent-bcc": "the same",
    "apparently-to": "the same",
    "return-path": "the last mail server writes it (RFC 5321 4.4); bounces come to us",
    "received": "tells the hosts and addresses inside the sender's network; each recipient's copy begins its way here",
    "received-spf": "only a receiver may say it (RFC 7208 9.1)",
    "authentication-results": "only a receiver may say it (RFC 8601 5)",
    "dkim-signature": "it would no longer hold once a header is taken out; the message is signed anew",
    "domainkey-signature": "the same",
    "feedback-id": "complaints are added up by ours",
    "cfbl-address": "complaints come to us (RFC 9477)",
    "cfbl-feedback-id": "the same",
    "delivered-to": "a receiver writes it; with it some take the message for a loop",
    "x-original-to": "the same",
    "x-envelope-to": "tells recipients of one another",
    "x-envelope-from": "the return path is ours",
    "x-track": "an instruction to us",
    "x-tag": "an instruction to us",
    "content-length": "the length is another when it arrives",
}

# Headers by which relays and mail servers take orders: with them one tenant could use or change a sending account that many
# share (other recipients, other account, other source address).
ORDERS = (
    "x-metadata-", "arc-", "x-smtpapi", "x-sg-", "x-mailgun-", "x-ses-", "x-amz-", "x-pm-", "x-mc-", "x-mandrill-", "x-msys-", "x-mj-",
    "x-mailjet-", "x-sib-", "x-mailin-", "x-elasticemail-", "x-mt-", "x-mailersend-", "x-resend-", "x-postal-", "x-smtp2go-",
    "x-unisender-", "x-virtual-mta", "x-vmta", "x-job", "x-dkim-options", "x-tenant", "x-campaign", "x-kumo", "x-binding", "x-envid",
    "x-accounting", "x-gm-", "x-zone-", "x-sending-zone",
)  # fmt: skip

# Under our signature where present, besides those that are signed in any case.
SIGNED = frozenset(
    {
        "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
        "list-id", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "feedback-id", "cfbl-address", "cfbl-feedback-id",
        "mime-version", "content-type", "content-transfer-encoding",
    }
)  # fmt: skip


def passes(name: str) -> bool:
    """Say whether a header (name in lower case) stays in the message."""
    return name not in REMOVED and not name.startswith(ORDERS)
