"""Read codes and the answered command out of a reply's text."""

import re

from posthouse.sending.replies.cards import Stage

LONGEST_TEXT = 4000  # characters; RFC 5321 4.5.3.1.5 allows 512 a line, reports quote a few lines

# RFC 3463 2: class.subject.detail, up to three digits each. Not inside a longer dotted number such as an IP address, nor
# the section of a standard that a refusal cites.
_STATUS = re.compile(r"(?<![\d.\-/@v])(?<!section )(?<!Section )([245])\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d|-\d{2}\.)")
# RFC 5321 4.2.1 ends the middle digit at 5; 570 and 571 are in use for refusals nevertheless.
_CODE = re.compile(r"(?<![\d.\-#/@:])(?<!port )([45][0-5]\d|57[01])(?=[ \-:]|$)(?!\s*(?:bytes|seconds|messages))")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]{1,256}@[a-z0-9\-_.]{1,255}")

# How mail servers name the command that was answered; the last one named in a text is the one that failed.
_STAGE = re.compile(
    r"(?P<dot>in reply to end of data|after end of (?:data|message)|in reply to end of message|your message was rejected after|like our final data"
    r"|after i sent the message|in response to end of data|step: data send|bdat command)"
    r"|(?P<rcpt>in reply to rcpt to|after rcpt (?:to|command)|>>> rcpt to|did not like our rcpt to|\[rcpt_to\]|rcpt to response|while talking to .{0,80}rcpt to"
    r"|rejected recipient|following rcpt command|(?:sent|<<<|-->|said) ?(?:<<<|:)? rcpt to:"
    r"|does not like recipient|in rcpt to\b|for rcpt to command|rcpt to:<[^>]*> \.\.\.|step: rcpt|\(rcpt\)|state 1[34]\b)"
    r"|(?P<mail>in reply to mail from|after mail (?:from|command)|>>> mail from|did not like our mail from|\[mail_from\]|but sender was rejected|does not like sender|step: mail|\(mail\))"
    r"|(?P<data>in reply to data command|after data\b|>>> data|did not like our data|for text command|\(data\))"
    r"|(?P<helo>in reply to [eh][eh]lo|after [eh][eh]lo|while performing the [eh][eh]lo|but my name was rejected)"
    r"|(?P<connect>refused to talk to me|after initial connection|but greeting failed|while receiving the initial server greeting)"
)
# One of these stands in whatever the pattern above can find; most texts hold none, and it is the dearest question here.
_OF_STAGES: tuple[str, ...] = (
    "rcpt",
    "rejected recipient",
    "like recipient",
    "state 1",
    "end of data",
    "end of message",
    "final data",
    "after i sent",
)
_OF_STAGES += ("data send", "bdat", "mail from", "mail command", "mail_from", "sender was", "like sender", "step: mail", "(mail)")
_OF_STAGES += ("data command", "after data", ">>> data", "our data", "for text", "(data)", "helo", "ehlo", "eelo", "hhlo", "my name was")
_OF_STAGES += ("talk to me", "initial connection", "greeting", "your message was rejected after")
_STAGES = {stage.value: stage for stage in Stage}


def tidy(text: str) -> str:
    """Lower the text, squeeze white space and mask addresses, so that a rule never sees somebody's name for a reason."""
    low = " ".join(text[:LONGEST_TEXT].lower().replace("’", "'").split())
    return _ADDRESS.sub("@", low).strip() if "@" in low else low


def find_statuses(text: str) -> list[str]:
    """Every enhanced code in the text, in order."""
    return [".".join(found.groups()) for found in _STATUS.finditer(text[:LONGEST_TEXT])]


def find_code(text: str) -> int:
    """The first three-digit reply code in the text, or 0."""
    found = _CODE.search(text[:LONGEST_TEXT])
    return int(found.group(1)) if found else 0


def find_stage(text: str) -> Stage:
    """The last command that the text says was answered, or UNKNOWN."""
    stage = Stage.UNKNOWN
    low = " ".join(text[:LONGEST_TEXT].lower().split())
    if not any(piece in low for piece in _OF_STAGES):
        return stage
    for found in _STAGE.finditer(low):
        stage = _STAGES[found.lastgroup or ""]
    return stage


def best_status(candidates: list[str]) -> str | None:
    """The most telling enhanced code: a full one before x.0.0 and x.x.0 (RFC 3463 3.1: undefined), else the first."""
    # A transcript quotes successes before the failure: "250 2.1.5 Ok" says nothing about it.
    candidates = [status for status in candidates if status[0] != "2"] or candidates
    if not candidates:
        return None
    return max(candidates, key=lambda status: _weight(status, candidates))


def _weight(status: str, candidates: list[str]) -> tuple[int, int]:
    _, subject, detail = status.split(".")
    telling = 0 if (subject, detail) == ("0", "0") else 1 if detail == "0" else 2
    # 5.5.x answers the commands after the one that failed ("503 5.5.1 need RCPT"), so it yields to any other.
    return (1 if subject == "5" and telling else telling * 2, -candidates.index(status))
