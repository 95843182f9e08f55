"""Decide whether a letter is a bounce, and what it says of each recipient."""

import re

from posthouse.inbound.parsing.cards import Outcome
from posthouse.inbound.parsing.categories import by_category
from posthouse.inbound.parsing.dsn import RecipientBlock, read_blocks
from posthouse.inbound.parsing.headers import addresses
from posthouse.inbound.parsing.letter import Letter
from posthouse.inbound.parsing.shapes import BLOCK_LIMIT, Passage, read_passages
from posthouse.sending.replies.cards import Classification
from posthouse.sending.replies.reading import best_status, find_code, find_stage, find_statuses
from posthouse.sending.replies.rules import classify

TEXT_KEPT = 500  # characters of the deciding passage that are kept, as security.md G3 asks for replies

_FROM_DAEMON = re.compile(
    r"mailer-?daemon|post_master|mail delivery|postmaster|delivery (?:sub)?system|mail system|mail administrator|system administrator|^\W*<>|mdaemon|bounces?[@+-]|^ndr@|mail-daemon|undeliver|virus|gateway|imss@|delivery-?notif",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|non-?deliver|not deliver|returned (?:mail|message|to sender)|return(?:ing|ed) (?:message )?to sender|deliver(?:y|ing)[^\n]{0,40}(?:fail|problem|error|status|warning|delay|notif|incomplete|unsuccess)"
    r"|(?:mail|message|e-?mail)[^\n]{0,30}(?:could not|cannot|can't|not) be deliver|failure notice|failure notification|failed mail|mail (?:delivery )?(?:fail|error|status)|delivery report|delivery failed|failed delivery"
    r"|warning: (?:message|could not)|message status|mail system error|processing error|could not send|rejected mail|nicht zustell|unzustellbar|zur(?:ü|ue)ckgesand|non (?:remis|distribu)|impossible de remettre|no (?:se )?(?:ha )?entreg|devuelt|non recapita|mancato recapito"
    r"|niet bezorg|не доставлено|недостав|недоставк|niedorecz|nie dostarczo|zwrot|エラー|配信不能|配達不能|送信でき|returned mail|退信|投递失败|no se puede entregar|no se pudo entregar|imposs[ií]ble? (?:recapitar|entregar|remettre)|recapito|não (?:foi )?entregu|não é possível entregar|falha na entrega|onbestelbaar|kan (?:inte|ikke|niet) (?:lever|bezorg)|inte levereras|olevererbar|ikke leveret|ei voi(?:tu|da)? toimittaa|toimitus epäonnistui|niedostarcz|nedoručiteln|kézbesíthetetlen|teslim edilemedi|iletilemedi|не удается доставить|无法送达|未送达|無法傳遞|傳遞失敗|배달되지|배달할 수|반송|loop alert|mail failure|errors from|übermittlungsstatus|zustellungsstatus|état de (?:la )?(?:remise|distribution)|estado de (?:la )?entrega|stato (?:di|del) recapito|(?:status|estado) da entrega|состоянии доставки|bezorgingsstatus|leveransstatus|leveringsstatus|stan(?:ie|u) doręczenia|nelivrabil|δυνατή η παράδοση|недоставлен|neizporučiv|neisporučiv|配信状況|投递状态|傳送狀態",
    re.IGNORECASE,
)
_BODY = re.compile(
    r"(?:could not|cannot|can not|can't|couldn't|was not|wasn't|not be|unable to be|has not been|have not been|not yet been|did not)[^.\n]{0,20} (?:deliver|reach|send|sent|receiv)"
    r"|(?:unable|not able|failed|failure|error|errors|problem|impossible)[^.\n]{0,40}\b(?:deliver|reach|sending|relay)|undeliver|delivery (?:has )?(?:failed|error|problem|attempts)|permanent (?:fatal )?error|returned to sender|could not be (?:delivered|sent|processed)"
    r"|final-recipient:|diagnostic-code:|transcript of session|was (?:automatically |not accepted|rejected)|does not exist|user unknown|unknown user|no such user|mailbox (?:is )?full|over quota|not accepting mail|invalid final delivery|rejected by|has been delayed|delivery of email"
    r"|(?:is|are) (?:not|no longer) (?:a )?(?:valid|active|known)|送信できませんでした|配信できません|не может быть доставлено|nicht zugestellt|не доставлено|duplicated message-id|\[failed\]|no message collected|failure reasons|wurde nicht [^.\n]{0,60}zugestellt|livrarea nu a reușit|η παράδοση απέτυχε|échec de la remise|recapito non riuscito|falha na entrega|levering[^.\n]{0,60}mislykkedes",
)
_DELAY = re.compile(
    r"will be retried|will (?:continue to|keep) (?:try|attempt)|warning message only|warning only|just a warning|not yet been delivered|has been delayed|is delayed|have been delayed|delivery delayed|still being retried|will retry"
    r"|delivery attempts will continue|temporary failure report|(?:has|have) been postponed|will be attempted|(?:message|mail) (?:is|was) still|delivery incomplete|continue to be made|no action is required on your part",
)
_DELAY_SUBJECT = re.compile(r"delay|warning: (?:message|could)|warning|still", re.IGNORECASE)
_CODED = re.compile(r"(?:^|[\s'\"(:])[45]\d\d[ \-]|\b[45]\.\d{1,3}\.\d{1,3}\b")


def read_status_report(letter: Letter) -> list[Outcome]:
    """The outcomes of a DSN's machine-readable parts; empty when there are none."""
    blocks = [block for part in letter.status_parts for block in read_blocks(part)]
    known = [block for block in blocks if block.recipient or block.action or block.status]
    passages = read_passages(letter) if known else []
    outcomes = [_from_block(letter, block, passages) for block in known]
    return _without_repeats(outcomes)


def read_written_report(letter: Letter) -> list[Outcome]:
    """The outcomes of a bounce written for people; only call it for a letter that `looks_returned`."""
    written = (
        [block for block in read_blocks(letter.text) if block.recipient and (block.status or block.diagnostic)]
        if "-recipient:" in letter.text.lower()
        else []
    )
    if written:
        passages = read_passages(letter)
        return _without_repeats([_from_block(letter, block, passages) for block in written])
    return [_from_passage(letter, passage) for passage in read_passages(letter)]


def looks_returned(letter: Letter) -> bool:
    """Is this letter a bounce by its look? Two of three must say so: who wrote it, its subject, its words."""
    if letter.get("x-failed-recipients") or letter.report_type == "delivery-status":
        return True
    writer = bool(_FROM_DAEMON.search(letter.sender) or not letter.sender.strip()) or letter.get("return-path").strip() == "<>"
    subject = bool(_SUBJECT.search(letter.subject))
    body = bool(_BODY.search(letter.low))
    if writer + subject + body < 2 or _is_answer(letter):
        return False
    return writer or _shows_proof(letter)


def farewell(letter: Letter) -> list[Outcome]:
    """What an automatic answer says of a mailbox that nobody reads any more: at most one outcome, never hard."""
    told = classify(0, None, letter.text[:BLOCK_LIMIT])
    writer = addresses(letter.sender)
    if told.reason not in ("suspend", "hasmoved") or not writer:
        return []
    text = " ".join(letter.text.split())[:TEXT_KEPT]
    return [Outcome(writer[0], "failed", None, 5, told.reason, hard=False, suppress=False, text=text, rule=told.rule)]


def _shows_proof(letter: Letter) -> bool:
    # Parcels are "undeliverable" too: a letter from no mail system must give a mail back, quote a reply, or name a mailbox.
    return bool(letter.originals or letter.original_text or _CODED.search(letter.text) or read_passages(letter)[0].recipient)


def _is_answer(letter: Letter) -> bool:
    # A person who answers a bounce quotes it; RFC 5322 3.6.4 makes answers name what they answer, and people say Re:.
    return bool(re.match(r"\s*(?:re|aw|sv|fwd?|wg)\s*:", letter.subject, re.IGNORECASE)) and not _FROM_DAEMON.search(letter.sender)


def _from_block(letter: Letter, block: RecipientBlock, passages: list[Passage]) -> Outcome:
    passage = _passage_of(block, passages)
    words = block.diagnostic if len(block.diagnostic) > 8 or not passage else f"{block.diagnostic} {passage}"
    status = best_status([found for found in (block.status, *find_statuses(words)) if found])
    code = find_code(block.diagnostic) or find_code(words)
    stage = find_stage(block.diagnostic) or find_stage(passage)
    if block.action in ("delivered", "relayed", "expanded"):
        return Outcome(
            _recipient_of(block, passages),
            block.action,
            status,
            2,
            "delivered",
            hard=False,
            suppress=False,
            text=words[:TEXT_KEPT],
            rule="dsn-action",
        )
    told = classify(code if _agrees(code, status) else 0, status, words, stage=stage)
    if told.reason in ("undefined", "onhold") and passage and passage != words:
        told = _second(code, status, passage, stage) or told
    told = by_category(told, block.category)
    action = block.action or ("delayed" if _is_delay(letter) else "failed")
    class_ = int(status[0]) if status else told.class_
    return Outcome(
        recipient=_recipient_of(block, passages),
        action=action,
        status=status,
        class_=class_ or (4 if action == "delayed" else 5),
        reason=told.reason,
        hard=told.hard,
        # RFC 3464 2.3.3: only "failed" is final.
        suppress=told.suppress and action == "failed",
        text=" ".join(words.split())[:TEXT_KEPT],
        rule=told.rule,
    )


def _second(code: int, status: str | None, words: str, stage: str) -> Classification | None:
    told = classify(code, status, words, stage=stage)
    return None if told.reason in ("undefined", "onhold") else told


def _agrees(code: int, status: str | None) -> bool:
    return not status or not code or str(code)[0] == status[0]


def _passage_of(block: RecipientBlock, passages: list[Passage]) -> str:
    same = [p.text for p in passages if p.recipient and p.recipient.lower() == block.recipient.lower()]
    return same[0] if same else passages[0].text if len(passages) == 1 else ""


def _recipient_of(block: RecipientBlock, passages: list[Passage]) -> str | None:
    # Sendmail names only the host of a route; the words then name the recipient.
    if "@" in block.recipient:
        return block.recipient
    # Exim names the file or the program behind an alias; the words name the alias.
    named = passages[0].recipient if len(passages) == 1 else None
    return named or block.recipient or None


def _from_passage(letter: Letter, passage: Passage) -> Outcome:
    words = passage.text
    if not _CODED.search(words) and len(letter.text) < 8_000 and _CODED.search(letter.text):
        words = letter.text
    told = classify(0, None, words)
    if told.reason in ("undefined", "onhold") and words != letter.text:
        told = _second(0, told.status, letter.text, "") or told
    delayed = _is_delay(letter)
    action = "delayed" if delayed else "failed"
    return Outcome(
        recipient=passage.recipient,
        action=action,
        status=told.status,
        class_=told.class_ or (4 if delayed else 5),
        reason=told.reason,
        hard=told.hard,
        suppress=told.suppress and not delayed,
        text=" ".join(words.split())[:TEXT_KEPT],
        rule=told.rule,
    )


def _is_delay(letter: Letter) -> bool:
    return bool(
        _DELAY.search(letter.low)
        and (_DELAY_SUBJECT.search(letter.subject) or "retr" in letter.low or "warning" in letter.low or "attempt" in letter.low)
    )


def _without_repeats(outcomes: list[Outcome]) -> list[Outcome]:
    best: dict[tuple[str | None, str], Outcome] = {}
    for outcome in outcomes:
        best.setdefault(((outcome.recipient or "").lower(), outcome.action), outcome)
    return list(best.values())


def recipients(outcomes: list[Outcome]) -> list[str]:
    """The recipients that the outcomes name."""
    return [outcome.recipient for outcome in outcomes if outcome.recipient]


__all__ = ["addresses", "looks_returned", "read_status_report", "read_written_report", "recipients"]
