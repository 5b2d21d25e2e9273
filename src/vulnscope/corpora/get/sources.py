"""Where the published corpora come from, pinned to a commit where one is known."""

from __future__ import annotations

from typing import Literal, NamedTuple

from vulnscope.errors import InputError


class Source(NamedTuple):
    """A git repository or a Hub dataset. Without a pinned revision the first get pins the commit that it finds."""

    kind: Literal["git", "hub"]
    address: str
    revision: str | None = None


SOURCES: dict[str, Source] = {
    "crossvul": Source("hub", "hitoshura25/crossvul"),
    "cwe-catalog": Source(
        "git", "https://github.com/CWE-CAPEC/REST-API-wg", "4b510254a62c769fc14f4f08994cc1060f05fade"
    ),
    "juliet": Source(
        "git", "https://github.com/arichardson/juliet-test-suite-c", "f88433e3443648a17671398797a04ea1f8e1a274"
    ),
    "safecoder": Source("git", "https://github.com/eth-sri/SafeCoder", "1bf9d57b42b785ca1bf5454c040cc9d2d27c4ab5"),
    "secllmholmes": Source(
        "git", "https://github.com/ai4cloudops/SecLLMHolmes", "9421928845d1f1f907946d7a70a6a57d62a163d8"
    ),
    "security-dpo": Source(
        "hub", "CyberNative/Code_Vulnerability_Security_DPO", "1b2d386588c69bff86442a4717b2f49ac3ae8131"
    ),
    "securityeval": Source(
        "git", "https://github.com/s2e-lab/SecurityEval", "6f4fb70f782c6d47b02ea24341e8ef8c1eb04a6a"
    ),
    "sven": Source("git", "https://github.com/eth-sri/sven", "e8449a0d54a5ae0bbdc6bb236330b8c7ec71df57"),
    "vulbench": Source("git", "https://github.com/Hustcw/VulBench", "85270f53a810829fba1800a9219fe228ab112bfb"),
}
BY_HAND: dict[str, str] = {
    "cvefixes": "download CVEfixes from Zenodo (https://zenodo.org/records/7029359) and unpack the database",
    "diversevul": "download diversevul_20230702.json from the page of its authors "
    "(https://github.com/wagner-group/diversevul)",
    "primevul": "download the JSONL files from the page of its authors (https://github.com/DLVulDet/PrimeVul)",
}
"""Corpora whose publishers offer no address that a program may fetch, and what to do instead."""


def find_source(name: str) -> Source:
    """The source of a corpus; raises `InputError` with what to do for those that have none."""
    if name in SOURCES:
        return SOURCES[name]
    if name in BY_HAND:
        raise InputError(f"corpus {name!r} has no address to fetch from: {BY_HAND[name]}, then give --from PATH")
    raise InputError(
        f"corpus {name!r} has no source of its own: give one with --from (a folder, an archive, a git address, or for "
        f"'hub' OWNER/NAME); with a source are: {', '.join((*SOURCES, *BY_HAND))}"
    )
