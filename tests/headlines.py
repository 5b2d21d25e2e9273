"""What every headline keeps: one sentence at first reading, without figures in brackets."""

from __future__ import annotations

MOST_WORDS = 45


def check_headline(sentence: str) -> None:
    assert len(sentence.split()) <= MOST_WORDS, f"{len(sentence.split())} words: {sentence}"
    assert not set(sentence) & set("[](){}"), sentence
    assert "NotMeasured" not in sentence
