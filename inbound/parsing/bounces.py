"""Decide whether a letter is a bounce, and what it says of each recipient."""

import re

from posthouse.inbound.parsing.cards import Outcome
from posthouse.inbound.parsing.categories import by_category
from posthouse.inbound.parsing.dsn import RecipientBlock, read_blocks
from posthouse.inbound.parsing.headers import addresses
from posthouse.inbound.parsing.letter import Letter
from posthouse.inbound.parsing.returned import BODY, BODY_ABROAD, DAEMON, DELAY, DELAY_SUBJECT, FROM_DAEMON, SUBJECT, SUBJECT_ABROAD
from posthouse.inbound.parsing.shapes import BLOCK_LIMIT, Passage, read_passages
from posthouse.sending.replies.cards import Classification
from posthouse.sending.replies.reading import best_status, find_code, find_stage, find_statuses
from posthouse.sending.replies.rules import classify

TEXT_KEPT = 500  # characters of the deciding passage that are kept, as security.md G3 asks for replies

_CODED = re.compile(r"(?:^|[\s'\"(:])[45]\d\d[ \-]|\b[45]\.\d{1,3}\.\d{1,3}\b")
_SERVERS_WORDS = re.compile(r"(?:^|[\s'\"(:>])(?:#?[45]\d\d[ \-]+(?:#?[45]\.\d{1,3}\.\d{1,3})?|[45]\.\d{1,3}\.\d{1,3}\b)")
# The same as a server says it: with more behind it than the word that people use for it.
_QUOTED = re.compile(r"(?:^|[\s'\"(:])[45]\d\d[ \-](?!errors?\b|replies\b|responses?\b|codes?\b)|\b[45]\.\d{1,3}\.\d{1,3}\b")


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
    """Is this letter a bounce by its look? Two of three must say so: who wrote it, its subject, its words.

    A mail daemon's letter needs no words that we know, in any language, if it names a recipient or gives the mail back.
    """
    if letter.get("x-failed-recipients") or letter.report_type == "delivery-status":
        return True
    if _is_answer(letter):
        return False
    daemon = bool(DAEMON.search(letter.sender))
    writer = daemon or bool(FROM_DAEMON.search(letter.sender)) or not letter.sender.strip() or _has_no_way_back(letter)
    subject = bool(SUBJECT.search(letter.subject) or SUBJECT_ABROAD.search(letter.subject))
    body = bool(BODY.search(letter.low) or BODY_ABROAD.search(letter.low))
    if writer + subject + body < 2:
        return daemon and _shows_proof(letter)
    if daemon or (writer and subject):
        return True
    return _shows_proof(letter) if subject else _is_made(letter)


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


def _is_made(letter: Letter) -> bool:
    # Postmasters are people too, and write of errors; a null return path alone is every automatic answer's.
    automatic = _has_no_way_back(letter) and letter.get("auto-submitted").strip().lower() not in ("", "no")
    return automatic or bool(letter.originals or letter.original_text or _QUOTED.search(letter.text))


def _has_no_way_back(letter: Letter) -> bool:
    return letter.get("return-path").strip() == "<>"


def _is_answer(letter: Letter) -> bool:
    # A person who answers a bounce quotes it; RFC 5322 3.6.4 makes answers name what they answer, and people say Re:.
    return bool(re.match(r"\s*(?:re|aw|sv|fwd?|wg)\s*:", letter.subject, re.IGNORECASE)) and not FROM_DAEMON.search(letter.sender)


def _from_block(letter: Letter, block: RecipientBlock, passages: list[Passage]) -> Outcome:
    passage = _passage_of(block, passages)
    words = block.diagnostic if len(block.diagnostic) > 8 or not passage else f"{block.diagnostic} {passage}"
    if block.diagnostic_type == "x-unix":
        words = f"x-unix; {words}"  # RFC 3464 2.3.6: what follows is a program's, no server's
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
    told = _quoted(words) or classify(0, None, words)
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


def _quoted(words: str) -> Classification | None:
    # What the other server said, apart from what the reporter says around it ("this mail was scanned for viruses").
    found = _SERVERS_WORDS.search(words)
    if found is None:
        return None
    said = words[found.start() :].partition("\n\n")[0]
    told = classify(0, best_status(find_statuses(words)), said[:BLOCK_LIMIT], stage=find_stage(words))
    return None if told.reason in ("undefined", "onhold") else told


def _is_delay(letter: Letter) -> bool:
    return bool(
        DELAY.search(letter.low)
        and (DELAY_SUBJECT.search(letter.subject) or "retr" in letter.low or "warning" in letter.low or "attempt" in letter.low)
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
