"""Find the rules that can apply to a text, without asking each of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from posthouse.sending.replies.rulebook import Rule, rules

_GRAM = 3  # letters


@dataclass(frozen=True, slots=True)
class Index:
    """Where the rules' pieces stand: by three letters of theirs, those that are shorter, and rules without any."""

    rules: tuple[Rule, ...]
    grams: dict[str, tuple[tuple[str, tuple[int, ...]], ...]]
    short: tuple[tuple[str, tuple[int, ...]], ...]
    always: frozenset[int]

    def candidates(self, text: str) -> list[Rule]:
        """The rules that ask for no piece or for one that the tidied text holds, in their order."""
        found = set(self.always)
        # Some 1,600 pieces are looked for: the text's own letters say which of them it may hold at all.
        for gram in self.grams.keys() & {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}:
            for piece, numbers in self.grams[gram]:
                if piece in text:
                    found.update(numbers)
        for piece, numbers in self.short:
            if piece in text:
                found.update(numbers)
        return [self.rules[number] for number in sorted(found)]


@cache
def index() -> Index:
    """The index of every rule."""
    return build(rules())


def build(asked: tuple[Rule, ...]) -> Index:
    """The index of some rules."""
    asking: dict[str, list[int]] = defaultdict(list)
    for number, rule in enumerate(asked):
        for piece in rule.heads:
            asking[piece].append(number)
    often = Counter(gram for piece in asking for gram in set(_grams(piece)))
    grams: dict[str, list[tuple[str, tuple[int, ...]]]] = defaultdict(list)
    for piece, numbers in asking.items():
        if len(piece) >= _GRAM:
            # The piece stands under its rarest letters, so that few texts ask for it in vain.
            grams[min(_grams(piece), key=lambda gram: often[gram])].append((piece, tuple(numbers)))
    return Index(
        rules=asked,
        grams={gram: tuple(found) for gram, found in grams.items()},
        short=tuple((piece, tuple(numbers)) for piece, numbers in asking.items() if len(piece) < _GRAM),
        always=frozenset(number for number, rule in enumerate(asked) if not rule.heads),
    )


def _grams(piece: str) -> Iterable[str]:
    return [piece[at : at + _GRAM] for at in range(len(piece) - _GRAM + 1)]
