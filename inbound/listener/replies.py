"""Every SMTP reply that we choose; none of them names product, operator or reseller."""

OK = "250 2.0.0 OK"
STORED = "250 2.0.0 Taken"
NO_SUCH_USER = "550 5.1.1 No such mailbox here"
NO_RELAY = "550 5.7.1 Mail for this domain is not taken here"
BAD_ADDRESS = "553 5.1.3 The address is not well formed"
NO_RECIPIENTS = "554 5.5.1 None of the recipients was taken"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients, send the rest in another transaction"
GUESSING = "421 4.7.0 Too many unknown recipients, closing the connection"
TOO_MANY_COMMANDS = "421 4.7.0 Too many commands, closing the connection"
TOO_MANY_CONNECTIONS = "421 4.7.0 Too many connections, try again later"
TOO_LONG_SESSION = "421 4.4.2 The session took too long, closing the connection"
IDLE = "421 4.4.2 Nothing came for too long, closing the connection"
TOO_MUCH = "421 4.3.4 Too much data without an end, closing the connection"
TOO_BIG = "552 5.3.4 The message is too big"
LINE_TOO_LONG = "554 5.6.0 A line of the message is too long"
BARE_LINE_END = "554 5.6.0 The message has a CR or LF that stands alone (RFC 5321 2.3.8)"
NO_ROOM = "452 4.3.1 No room for the message at present, try again later"
NOT_STORED = "451 4.3.0 The message could not be stored, try again later"
BUSY = "451 4.3.2 Busy, try again later"
LHLO_WANTED = "500 5.5.1 This is LMTP: begin with LHLO"
TLS_ALREADY = "503 5.5.1 TLS has begun already"
NOT_DONE = "502 5.5.1 This command is not offered"
FAILED = "451 4.3.0 Something failed here, try again later"
STOPPING = "421 4.3.2 The service is stopping, try again later"

_ENHANCED = {
    "220": "2.0.0",
    "221": "2.0.0",
    "250": "2.0.0",
    "354": "",
    "421": "4.3.2",
    "454": "4.7.0",
    "500": "5.5.2",
    "501": "5.5.4",
    "502": "5.5.1",
    "503": "5.5.1",
    "530": "5.7.0",
    "552": "5.3.4",
    "553": "5.1.3",
    "554": "5.5.0",
    "555": "5.5.4",
}


def with_code(reply: str) -> str:
    """Add the enhanced code to a reply that has none (RFC 2034 4); the library's own replies come without."""
    code, mark, words = reply[:3], reply[3:4], reply[4:]
    enhanced = _ENHANCED.get(code, "")
    if mark != " " or not enhanced or words[:2] in ("2.", "4.", "5."):
        return reply
    return f"{code} {enhanced} {words}"
