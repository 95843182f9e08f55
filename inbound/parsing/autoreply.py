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

# Subjects that programs write, by language: nobody begins a letter so.
_SUBJECT = re.compile(
    r"^\s*(?:re:\s*)?(?:\[?auto(?:mat(?:ic|ed|isch\w*|ique|ica|ico|yczn\w*))?[ :._-]*(?:re(?:ply|sponse|spuesta|posta)|response|answer|antwort|svar|generated)?\]?\s*[:\]-])"
    r"|auto[ -]?reply|auto[ -]?respon|automatic(?:ally)? (?:reply|response|answer)|automated (?:reply|response)|out[ -]of[ -](?:the[ -])?office|vacation(?: reply| notice|:| message)|away from (?:my|the) (?:mail|office|desk)|away notice"
    r"|absence (?:notice|du bureau)|abwesenheit|automatische antwort|nicht im (?:haus|büro)|réponse automatique|reponse automatique|absent(?:e)? du bureau|message d'absence"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina|risposta automatica|fuori (?:ufficio|sede)|resposta autom[aá]tica|fora do escrit[oó]rio|automatisch antwoord|buiten kantoor|autosvar|automatiskt svar|fr[åa]nvaro|automatisk svar|frav[æe]r"
    r"|automaattinen vastaus|odpowied[źz] automatyczna|automatyczna odpowied[źz]|autoodpowied|nieobecno[śs][ćc]|poza biurem|automatick[áa] odpov[eě][ďd]|mimo kancel[áa][řr]|automatikus v[áa]lasz|h[áa]zon k[íi]v[üu]l|r[ăa]spuns automat|автоматический ответ|автоответ|об отсутствии"
    r"|автоматична відповідь|automatinis atsak|autom[aā]tisk[aā] atbilde|atbildes zi[nņ]a|prombūtn|automaatvastus|otomatik yanıt|ofis dışı|αυτόματη απάντηση|εκτός γραφείου|自動返信|自動応答|不在|自动回复|自動回覆|자동 응답|부재|תגובה אוטומטית|رد تلقائي|trả lời tự động",
    re.IGNORECASE,
)
# Words of holidays, which people use in subjects too: they count when the text says the same, or the mail says what it is.
_HOLIDAY = re.compile(
    r"on (?:vacation|holiday|leave)|i am (?:currently )?(?:away|out of|on)|urlaub|abwesend|en congés?|de vacaciones|en vacances|de férias|in ferie|afwezig|vakantie|semester|på ferie|urlop|dovolen|szabads[áa]g|atvaļinājum|atostog|puhkus|lomalla|poissa|tatil|отпуск|отсутстви|відпустк|休暇|休假|휴가",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"\b(?:i am|i'm|i will be|i'll be) (?:currently |still )?(?:away|out of (?:the )?office|on (?:vacation|holiday|leave|maternity|parental)|not in the office|travell?ing)|out of (?:the )?office (?:until|from|till|between)"
    r"|bin (?:ich )?[^.\n]{0,40}(?:nicht im (?:haus|büro)|im urlaub|abwesend|nicht erreichbar)|je suis [^.\n]{0,30}(?:absent|en congé|en vacances)|(?:estoy|estaré) [^.\n]{0,30}(?:fuera|de vacaciones|ausente)|(?:estou|estarei) [^.\n]{0,30}(?:fora|de férias|ausente)"
    r"|(?:sono|sarò) [^.\n]{0,30}(?:assente|in ferie|fuori)|ben (?:ik )?[^.\n]{0,30}(?:afwezig|vakantie)|(?:jestem|będę|przebywam) [^.\n]{0,30}(?:na urlopie|nieobecn|poza)|esmu [^.\n]{0,30}(?:atvaļinājum|prombūtn)|jsem [^.\n]{0,30}(?:na dovolené|mimo)|szabadságon|jag är [^.\n]{0,30}(?:semester|borta|ledig)"
    r"|jeg er [^.\n]{0,30}(?:ferie|ikke på)|olen [^.\n]{0,30}(?:lomalla|poissa)|atostogauju|olen puhkusel|(?:нахожусь|буду)?\s*в отпуске|у відпустці|休暇|休假|不在|휴가"
)
_AUTOMATIC = re.compile(
    r"this is an? auto(?:mat(?:ic|ed))?[ -]?(?:generated )?(?:reply|response|answer|acknowledge)|(?:automatic|automated|auto-?generated) (?:reply|response|acknowledg)|dies ist eine automatische|ceci est (?:un message|une réponse) automatique|esta es una respuesta automática|esta é uma (?:resposta|mensagem) automática|questa è una risposta automatica"
)
_RECEIVED = re.compile(
    r"thank you for (?:your (?:e-?mail|message)|contacting)[^.\n]{0,80}(?:out of|away|respond|get back)|(?:we have|your (?:request|message|e-?mail) (?:has been|was)) received"
)
# Services that ask the writer to prove himself, by their own names.
_CHALLENGERS = re.compile(
    r"@(?:[\w.-]+\.)?(?:spamarrest|boxbe|mailblocks|bluebottle|sendio|vanquish|mailinblack|knowspam|0spam|qurb)\.|spamblocker-challenge|antispam@uol\.",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"approved senders?|senders i have approved|guest list|waitlisted|(?:message|mail|e-?mail)[^.\n]{0,40} (?:is|was|are|has been) (?:being )?(?:held|waiting|quarantined)[^.\n]{0,80}(?:until|because|confirm|verif|release|recogni[sz]ed|action)"
    r"|to (?:release|deliver) (?:your|the) (?:message|mail|e-?mail)|in order for your (?:message|mail|e-?mail)|protect(?:ing)? myself (?:from|against)|to control spam, i|verify (?:that )?you are (?:a |not a )?(?:real|human|person|spammer|machine|robot)|(?:verify|identify) yourself|added to my (?:white|guest|approved)|add yourself to"
    r"|just this once, click|challenge[ /-]response|tmda\b|sender (?:address )?verification|your (?:e-?mail|message|mail)[^.\n]{0,60}requires? (?:verification|confirmation|authentication)|para que sua mensagem seja entregue|damit ihre (?:e-?mail|nachricht) zugestellt|pour que votre message soit (?:délivré|remis)"
)
_ANSWERS = re.compile(r"\s*(?:re|aw|sv|antw|odp|vs|rif|ynt)\s*:", re.IGNORECASE)
OPENING = 800  # characters of the text that say what it is; people quote machines further down


def is_marked_automatic(letter: Letter) -> bool:
    """Does the mail itself say that no person wrote it (RFC 3834 5: anything but `no`)?"""
    said = _submitted(letter)
    if said and said != "no":
        return True
    if letter.get("precedence").strip().lower() in _PRECEDENCE or any(letter.get(name) for name in _MARKS):
        return True
    return letter.get("x-auto-response-suppress").strip().lower() == "all" and bool(letter.get("in-reply-to"))


def _submitted(letter: Letter) -> str:
    return letter.get("auto-submitted").split(";")[0].split("(")[0].strip().lower()


def is_auto_reply(letter: Letter) -> bool:
    """Is this an automatic answer to a mail? Ask only when it is neither a report nor a bounce."""
    if (
        _submitted(letter).startswith("auto-replied")
        or letter.get("precedence").strip().lower() in _PRECEDENCE
        or any(letter.get(name) for name in _MARKS)
    ):
        return True
    if _is_list_mail(letter):
        return False
    return speaks_automatically(letter) or is_challenge(letter) or _says_so(letter)


def _is_list_mail(letter: Letter) -> bool:
    return bool(letter.get("list-id") or letter.get("list-unsubscribe"))


def _says_so(letter: Letter) -> bool:
    opening = _opening(letter)
    if _AUTOMATIC.search(opening):
        return True
    marked = is_marked_automatic(letter) or letter.get("precedence").strip().lower() in ("bulk", "junk")
    return marked and bool(_AWAY.search(opening) or _RECEIVED.search(opening))


def _opening(letter: Letter) -> str:
    return "\n".join(line for line in letter.low[: OPENING * 2].split("\n") if line[:1] != ">")[:OPENING]


def speaks_automatically(letter: Letter) -> bool:
    """Do subject and writer (not the marks, nor the text: bounces bear the same) say that this is an automatic answer?"""
    if _SUBJECT.search(letter.subject) or _CHALLENGERS.search(letter.sender) or _CHALLENGE.search(letter.subject.lower()):
        return True
    if not _HOLIDAY.search(letter.subject):
        return False
    return is_marked_automatic(letter) or bool(_AWAY.search(_opening(letter))) or not _ANSWERS.match(letter.subject)


def is_challenge(letter: Letter) -> bool:
    """Is this a challenge of a mailbox that wants the writer to prove himself first?"""
    if _is_list_mail(letter):
        return False
    return bool(_CHALLENGERS.search(letter.sender) or _CHALLENGE.search(letter.subject.lower()) or _CHALLENGE.search(_opening(letter)))
