"""Characters that a reader does not see, or that make a terminal act, spelled out."""

from __future__ import annotations

import re

# Terminal escapes, and the characters behind "Trojan Source": they make text read other than it is.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def show_invisible(text: str) -> str:
    """`text` with control, direction and zero-width characters spelled out as `⟨U+202E⟩`; tab and newline stay."""
    return _INVISIBLE.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text)


def escape_invisible(json_text: str) -> str:
    """JSON that means the same, with those characters written as `\\u202e`."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match.group()):04x}", json_text)
