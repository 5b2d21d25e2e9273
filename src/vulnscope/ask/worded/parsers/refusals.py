"""Whether a text declines to answer. Looked at only where no verdict was found."""

from __future__ import annotations

import re

# What a refusal opens with; further in, such words are part of an explanation.
_OPENING_CHARACTERS = 300
_NO = r"(?:can(?:no|['’]?)t|can not|am (?:unable|not able) to|won['’]?t|will not|(?:must|have to|need to) decline to)"
_DEED = r"(?:assist|help|comply|answer|provide|analy[sz]e|review|discuss|fulfil|fulfill|do that|continue|engage)"
_REFUSAL = re.compile(
    rf"\bI {_NO} (?:\w+ ){{0,2}}{_DEED}"
    rf"|\bI['’]m (?:unable|not able) to (?:\w+ ){{0,2}}{_DEED}"
    r"|\b(?:against|violates?) (?:my|our|the) (?:\w+ ){0,2}(?:policy|policies|guidelines)"
    r"|\bI must decline\b",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether `text` opens by declining the request."""
    return _REFUSAL.search(text[:_OPENING_CHARACTERS]) is not None
