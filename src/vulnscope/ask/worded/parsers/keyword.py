"""Parser `keyword`: counts of phrases, as in earlier work on this problem; kept for comparability, never a default.

More phrases of vulnerability than of security: vulnerable. Otherwise secure, also on a tie, and so also where no
phrase occurs at all. That is the rule's defect: it turns "no answer" into "secure". Only an empty answer is unparsed.
At any place the longest phrase counts, so that "not vulnerable" is one phrase of security and none of the other kind.
The rule reads neither the form that was asked for nor whether the answer was finished.
"""

from __future__ import annotations

import re

from vulnscope.records.answers import Expectation, Parsed

VULNERABLE_PHRASES = (
    "vulnerable", "vulnerability", "vulnerabilities", "insecure", "unsafe", "not secure", "not safe", "exploit",
    "exploitable", "exploited", "attacker can", "attacker could", "malicious", "security issue", "security issues",
    "security flaw", "security risk", "injection", "overflow", "out-of-bounds", "out of bounds", "use after free",
    "use-after-free", "traversal", "unsanitized", "unvalidated", "dangerous",
)  # fmt: skip
SECURE_PHRASES = (
    "secure", "safe", "safely", "not vulnerable", "non-vulnerable", "no vulnerability", "no vulnerabilities",
    "not exploitable", "no security issue", "no security issues", "no security flaw", "free of vulnerabilities",
    "without vulnerabilities", "sanitized", "validated", "properly checked", "properly escaped", "parameterized",
    "prevents", "mitigated", "protected", "not insecure", "not unsafe",
)  # fmt: skip


def _compile() -> re.Pattern[str]:
    phrases = sorted((*VULNERABLE_PHRASES, *SECURE_PHRASES), key=len, reverse=True)
    words = (r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


_PHRASE = _compile()
_VULNERABLE = frozenset(VULNERABLE_PHRASES)


def parse_keyword(text: str, expects: Expectation, *, is_finished: bool = True) -> Parsed:
    """Which kind of phrase `text` holds more of; `expects` and `is_finished` are not read."""
    del expects, is_finished
    if not text.strip():
        return Parsed(state="unparsed")
    found = [" ".join(match.lower().split()) in _VULNERABLE for match in _PHRASE.findall(text)]
    n_vulnerable = sum(found)
    return Parsed(state="parsed", says="vulnerable" if n_vulnerable > len(found) - n_vulnerable else "fixed")
