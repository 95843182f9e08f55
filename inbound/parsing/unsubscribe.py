"""Recognise mail that asks to be unsubscribed (the mailto form of RFC 2369)."""

import re

from posthouse.inbound.parsing.letter import Letter

# What people and mail programs write: the whole subject, or a whole short text, in several languages.
_ASKS = re.compile(
    r"^\W*(?:re:\s*)?(?:please\s+)?(?:unsubscribe(?: me)?|un-subscribe|opt[ -]?out|remove(?: me)?(?: from (?:the|your|this) list)?|take me off(?: (?:the|your|this) list)?|stop|abmelden|austragen|d[ée]sabonne[rz]?(?:-moi)?|d[ée]sinscri(?:re|ption)|darme de baja|baja|cancelar suscripci[oó]n"
    r"|cancella(?:mi|zione)|disiscrivimi|afmelden|uitschrijven|avregistrera|afmeld|wypisz|odhl[áa]sit|отписаться|отпишите|отписка|配信停止|退订)\W*$",
    re.IGNORECASE,
)


def asks_to_leave(letter: Letter) -> bool:
    """Does a person ask, in so many words, not to be written to any more?"""
    first_words = next((line.strip() for line in letter.text.split("\n") if line.strip() and not line.startswith(">")), "")
    return bool(_ASKS.match(letter.subject.strip()) or (len(first_words) < 60 and _ASKS.match(first_words)))
