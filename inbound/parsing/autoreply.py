"""Tell automatic answers from people's (RFC 3834, and what is sent without regard to it)."""

import re

from posthouse.inbound.parsing.away import ABSENT, COURTESY, HOLIDAY, RECEIVED, SAID_AUTOMATIC, SUBJECT
from posthouse.inbound.parsing.letter import Letter

_MARKS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-vacation",
    "x-mail-autoreply",
    "x-fc-machinegenerated",
    "x-ms-exchange-generated-message-source",
    "x-away",
    "x-out-of-office",
    "autoresponse",
)
_PRECEDENCE = ("auto_reply", "auto-reply", "autoreply")

# Services that ask the writer to prove himself, by their own names.
_CHALLENGERS = re.compile(
    r"@(?:[\w.-]+\.)?(?:spamarrest|boxbe|mailblocks|bluebottle|sendio|vanquish|mailinblack|knowspam|0spam|qurb)\.|spamblocker-challenge|antispam@uol\.",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"approved senders?|senders i have approved|guest list|waitlisted|(?:message|mail|e-?mail)[^.\n]{0,40} (?:is|was|are|has been) (?:being )?(?:held|waiting|quarantined)[^.\n]{0,80}(?:until|because|confirm|verif|release|recogni[sz]ed|action)"
    r"|to (?:release|deliver) (?:your|the) (?:message|mail|e-?mail)|so that your (?:message|mail|e-?mail) (?:is|can be|will be) delivered|in order for your (?:message|mail|e-?mail)|protect(?:ing)? myself (?:from|against)|to control spam, i|(?:verify|confirm|prove) (?:that )?you are (?:a |not a )?(?:real|human|person|spammer|machine|robot)|(?:verify|identify) yourself|added to my (?:white|guest|approved)|add yourself to"
    r"|just this once, click|challenge[ /-]response|tmda\b|sender (?:address )?verification|your (?:e-?mail|message|mail)[^.\n]{0,60}requires? (?:verification|confirmation|authentication)|para que sua mensagem seja entregue|spam blocker|put on hold[^\n]{0,60}confirm|confirm that you sent|damit ihre (?:e-?mail|nachricht) zugestellt|pour que votre message soit (?:délivré|remis)"
)
OPENING = 800  # characters of the text that say what it is; people quote machines further down


def is_marked_automatic(letter: Letter) -> bool:
    """Does the mail itself say that no person wrote it (RFC 3834 5: anything but `no`)?"""
    said = _submitted(letter)
    if said and said != "no":
        return True
    if _bears_mark(letter):
        return True
    return letter.get("x-auto-response-suppress").strip().lower() == "all" and bool(letter.get("in-reply-to"))


def _bears_mark(letter: Letter) -> bool:
    if letter.get("precedence").strip().lower() in _PRECEDENCE:
        return True
    heads = letter.mail.root.heads
    # Few mails bear any of them: one look at all names spares asking for each.
    return not heads.keys().isdisjoint(_MARKS) and any(heads.get(name) for name in _MARKS)


def _submitted(letter: Letter) -> str:
    return letter.get("auto-submitted").split(";")[0].split("(")[0].strip().lower()


def is_auto_reply(letter: Letter) -> bool:
    """Is this an automatic answer to a mail? Ask only when it is neither a report nor a bounce."""
    if _submitted(letter).startswith("auto-replied") or _bears_mark(letter):
        return True
    if _is_list_mail(letter):
        return False
    return _answers_without_way_back(letter) or speaks_automatically(letter) or is_challenge(letter) or _says_so(letter)


def _answers_without_way_back(letter: Letter) -> bool:
    # RFC 3834 3.3: programs answer with a null return path, so that nothing answers them; people's programs never do.
    answers = letter.get("in-reply-to") or re.match(r"\s*(?:re|aw|sv|antw)\s*:", letter.subject, re.IGNORECASE)
    return bool(answers) and letter.get("return-path").strip() == "<>"


def _is_list_mail(letter: Letter) -> bool:
    return bool(letter.get("list-id") or letter.get("list-unsubscribe"))


def _says_so(letter: Letter) -> bool:
    opening = _opening(letter)
    if SAID_AUTOMATIC.search(opening):
        return True
    # A person's program quotes what it answers, and he says more than that he is away.
    if COURTESY.search(opening) and ABSENT.search(opening) and len(letter.low) < OPENING and "\n>" not in letter.low:
        return True
    marked = is_marked_automatic(letter) or letter.get("precedence").strip().lower() in ("bulk", "junk")
    return marked and bool(ABSENT.search(opening) or RECEIVED.search(opening))


def _opening(letter: Letter) -> str:
    return "\n".join(line for line in letter.low[: OPENING * 2].split("\n") if line[:1] != ">")[:OPENING]


def speaks_automatically(letter: Letter) -> bool:
    """Do subject and writer (not the marks, nor the text: bounces bear the same) say that this is an automatic answer?"""
    if SUBJECT.search(letter.subject) or _CHALLENGERS.search(letter.sender) or _CHALLENGE.search(letter.subject.lower()):
        return True
    if not HOLIDAY.search(letter.subject):
        return False
    return is_marked_automatic(letter) or bool(ABSENT.search(_opening(letter)))


def is_challenge(letter: Letter) -> bool:
    """Is this a challenge of a mailbox that wants the writer to prove himself first?"""
    if _is_list_mail(letter):
        return False
    return bool(_CHALLENGERS.search(letter.sender) or _CHALLENGE.search(letter.subject.lower()) or _CHALLENGE.search(_opening(letter)))
