"""CWE identifiers in one spelling, with the names of those this package speaks of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vulnscope.errors import InputError

CWE_NAMES: dict[str, str] = {
    "CWE-20": "Improper Input Validation",
    "CWE-22": "Path Traversal",
    "CWE-77": "Command Injection",
    "CWE-78": "OS Command Injection",
    "CWE-79": "Cross-site Scripting",
    "CWE-89": "SQL Injection",
    "CWE-94": "Code Injection",
    "CWE-119": "Improper Restriction of Operations within a Memory Buffer",
    "CWE-120": "Classic Buffer Overflow",
    "CWE-125": "Out-of-bounds Read",
    "CWE-134": "Externally-Controlled Format String",
    "CWE-190": "Integer Overflow or Wraparound",
    "CWE-200": "Exposure of Sensitive Information",
    "CWE-287": "Improper Authentication",
    "CWE-295": "Improper Certificate Validation",
    "CWE-327": "Broken or Risky Cryptographic Algorithm",
    "CWE-369": "Divide By Zero",
    "CWE-401": "Missing Release of Memory",
    "CWE-415": "Double Free",
    "CWE-416": "Use After Free",
    "CWE-476": "NULL Pointer Dereference",
    "CWE-502": "Deserialization of Untrusted Data",
    "CWE-601": "Open Redirect",
    "CWE-611": "XML External Entity Reference",
    "CWE-732": "Incorrect Permission Assignment",
    "CWE-787": "Out-of-bounds Write",
    "CWE-798": "Use of Hard-coded Credentials",
    "CWE-918": "Server-Side Request Forgery",
}

EDITION = "4.19.1"
"""Edition of the CWE catalogue that `is_assigned` speaks of."""

# Weaknesses, categories and views, deprecated ones among them: numbers are never given away twice.
_ASSIGNED = (range(1, 1446), range(1450, 1451), range(2000, 2001))
_PATTERN = re.compile(r"^\s*(?:cwe[-_ ]?)?0*([1-9]\d{0,4})\s*$", re.IGNORECASE)


def normalise_cwe(text: str) -> str:
    """`"cwe-089"`, `"89"` and `"CWE_89"` all become `"CWE-89"`; raises `InputError` on anything else."""
    match = _PATTERN.match(text)
    if match is None:
        raise InputError(f"not a CWE identifier: {text!r}; expected a form such as CWE-89")
    return f"CWE-{match.group(1)}"


PLACEHOLDERS = frozenset({"", "none", "n/a", "nan", "unknown", "noinfo", "other", "null"})
"""What vulnerability databases write where no CWE is known, without the prefixes NVD- and CWE-, in lower case."""


def parse_cwes(words: Iterable[str]) -> tuple[str, ...]:
    """CWE identifiers without repetition; placeholders such as NVD-CWE-noinfo drop out, others raise `InputError`."""
    known = (word for word in words if re.sub(r"^(nvd-)?cwe-", "", word.strip().lower()) not in PLACEHOLDERS)
    return tuple(dict.fromkeys(normalise_cwe(word) for word in known))


def is_assigned(cwe: str) -> bool:
    """Whether MITRE has given the number of a normalised identifier to anything, as of `EDITION`."""
    return any(int(cwe.removeprefix("CWE-")) in numbers for numbers in _ASSIGNED)


def describe_cwe(cwe: str) -> str:
    """`"CWE-89 SQL Injection"`, or the bare identifier where the name is not known."""
    name = CWE_NAMES.get(cwe)
    return f"{cwe} {name}" if name else cwe
