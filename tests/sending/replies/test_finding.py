"""The index of rules finds every rule that can apply, and leaves most of the others out."""

from hypothesis import given, settings
from hypothesis import strategies as st
from reply_samples import SAMPLES

from posthouse.sending.replies.finding import index
from posthouse.sending.replies.reading import tidy
from posthouse.sending.replies.rulebook import rules

_WORDS = sorted({piece for rule in rules() for piece in rule.heads})


def _asked_one_by_one(text: str) -> list[str]:
    return [rule.name for rule in rules() if not rule.heads or any(piece in text for piece in rule.heads)]


def test_every_sample_finds_what_asking_each_finds() -> None:
    """The order is the rules' own."""
    texts = [tidy(text) for samples in SAMPLES.values() for text in samples]
    assert [[rule.name for rule in index().candidates(text)] for text in texts] == [_asked_one_by_one(text) for text in texts]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=12)), max_size=12))
def test_any_text_finds_what_asking_each_finds(parts: list[str]) -> None:
    """Pieces that run into each other, in any script, too."""
    text = "".join(parts)
    assert [rule.name for rule in index().candidates(text)] == _asked_one_by_one(text)
