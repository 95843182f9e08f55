"""Tell automatic answers from people's (RFC 3834, and what is sent without regard to it)."""

import re

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

# Subjects of vacation programs and mail clients, by language.
_SUBJECT = re.compile(
    r"^\s*(?:re:\s*)?(?:\[?auto(?:mat(?:ic|ed|isch\w*|ique|ica|ico|yczn\w*))?[ :._-]*(?:re(?:ply|sponse|spuesta|posta)|response|answer|antwort|svar|generated)?\]?\s*[:\]-])"
    r"|auto[ -]?reply|auto[ -]?respon|automatic(?:ally)? (?:reply|response|answer)|automated (?:reply|response)|out[ -]of[ -](?:the[ -])?office|vacation(?: reply| notice|:| message)|on (?:vacation|holiday|leave)|away from (?:my|the) (?:mail|office|desk)|away notice"
    r"|i am (?:currently )?(?:away|out of|on)|absence (?:notice|du bureau)|abwesen(?:d|heit)|automatische antwort|urlaub|nicht im (?:haus|büro)|réponse automatique|reponse automatique|absent(?:e)? du bureau|en congés?|message d'absence"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina|de vacaciones|risposta automatica|fuori (?:ufficio|sede)|resposta autom[aá]tica|fora do escrit[oó]rio|automatisch antwoord|afwezig|buiten kantoor|autosvar|automatiskt svar|fr[åa]nvaro|automatisk svar|frav[æe]r"
    r"|automaattinen vastaus|poissa|odpowied[źz] automatyczna|automatyczna odpowied[źz]|nieobecno[śs][ćc]|poza biurem|urlop|automatick[áa] odpov[eě][ďd]|mimo kancel[áa][řr]|automatikus v[áa]lasz|h[áa]zon k[íi]v[üu]l|r[ăa]spuns automat|автоматический ответ|автоответ|отсутстви"
    r"|автоматична відповідь|automatinis atsak|autom[aā]tisk[aā] atbilde|atbildes zi[nņ]a|prombūtn|otomatik yanıt|ofis dışı|αυτόματη απάντηση|εκτός γραφείου|自動返信|自動応答|不在|自动回复|自動回覆|자동 응답|부재|תגובה אוטומטית|رد تلقائي|trả lời tự động",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"(?:verify|confirm)[^.\n]{0,60}(?:your (?:email|message|mail|address)|you are (?:a )?(?:human|real)|sender)|challenge[ /-]response|boxbe|spamarrest|spam arrest|sender verification|waiting list|mailblocks|tmda|approved senders?|guest list",
)
_BODY = re.compile(
    r"\b(?:i am|i'm|i will be|i'll be) (?:currently )?(?:away|out of (?:the )?office|on (?:vacation|holiday|leave|maternity)|not in the office)|out of (?:the )?office (?:until|from)|this is an? automat(?:ic|ed) (?:reply|response)|thank you for (?:your (?:e-?mail|message)|contacting)[^.\n]{0,80}(?:out of|away|respond|get back)",
)


def is_marked_automatic(letter: Letter) -> bool:
    """Does the mail itself say that no person wrote it (RFC 3834 5: anything but `no`)?"""
    said = letter.get("auto-submitted").split(";")[0].split("(")[0].strip().lower()
    if said and said != "no":
        return True
    if letter.get("precedence").strip().lower() in _PRECEDENCE or any(letter.get(name) for name in _MARKS):
        return True
    return letter.get("x-auto-response-suppress").strip().lower() == "all" and bool(letter.get("in-reply-to"))


def is_auto_reply(letter: Letter) -> bool:
    """Is this an automatic answer to a mail? Ask only when it is neither a report nor a bounce."""
    said = letter.get("auto-submitted").split(";")[0].split("(")[0].strip().lower()
    if (
        said.startswith("auto-replied")
        or letter.get("precedence").strip().lower() in _PRECEDENCE
        or any(letter.get(name) for name in _MARKS)
    ):
        return True
    subject = bool(_SUBJECT.search(letter.subject))
    if subject and (is_marked_automatic(letter) or not letter.get("list-id")):
        return True
    return is_challenge(letter) or bool(said == "auto-generated" and _BODY.search(letter.low[:3_000]))


def speaks_automatically(letter: Letter) -> bool:
    """Do the words (not the marks: bounces bear the same) say that this is an automatic answer?"""
    return bool(_SUBJECT.search(letter.subject)) or is_challenge(letter)


def is_challenge(letter: Letter) -> bool:
    """Is this a challenge of a mailbox that wants the writer to prove himself first?"""
    machine = is_marked_automatic(letter) or letter.get("precedence").strip().lower() in ("bulk", "junk", "list")
    return bool(
        _CHALLENGE.search(letter.subject.lower()) or (machine and _CHALLENGE.search(letter.low[:3_000]) and letter.get("in-reply-to"))
    )
