"""A spurious cue: a remark above the code that claims a label, true or not.

With `aligned` remarks a subject that believes them is right about every sample, and wrong about why; without its
comments the same code leaves it at chance.
"""

from __future__ import annotations

from random import Random
from typing import Literal

from vulnscope.corpora.samples import Sample
from vulnscope.corpora.synthetic.noise import load_distractors

Remarks = Literal["none", "aligned", "random"]
Claim = Literal["vulnerable", "fixed"]
REMARKS: dict[Claim, str] = {"vulnerable": "not checked yet", "fixed": "checked by two people"}


def add_remark(sample: Sample, claim: Claim) -> Sample:
    """The sample under a comment that claims a label; its lines move down by one."""
    line = load_distractors().languages[sample.language].comment.format(REMARKS[claim])
    return sample.model_copy(
        update={
            "code": f"{line}\n{sample.code}",
            "changed_lines": tuple(number + 1 for number in sample.changed_lines),
        }
    )


def read_remark(code: str) -> Claim | None:
    """What the remark in the first line claims, or None where there is none."""
    first = code.partition("\n")[0]
    return next((claim for claim, text in REMARKS.items() if text in first), None)


def remark_pairs(samples: tuple[Sample, ...], remarks: Remarks, seed: int) -> tuple[Sample, ...]:
    """Every sample with the remark asked for: none, its own label's, or one drawn by coin for both twins."""
    if remarks == "none":
        return samples
    return tuple(add_remark(sample, _claim(sample, remarks, seed)) for sample in samples)


def _claim(sample: Sample, remarks: Remarks, seed: int) -> Claim:
    if remarks == "aligned":
        return "vulnerable" if sample.label == "vulnerable" else "fixed"
    return Random(f"{seed}/{sample.pair_id}/remark").choice(("vulnerable", "fixed"))
