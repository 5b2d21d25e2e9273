"""The synthetic corpus as any other: generated on the spot, the same for the same options on every machine.

Two groupings. By pair (the default), intervals speak about new samples of these templates; by template, about new
templates. Whoever reports a figure says which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Sample
from vulnscope.corpora.synthetic import (
    EVALUATION_SEED,
    generate,
    held_out_templates,
    training_templates,
)
from vulnscope.corpora.synthetic.remarks import Remarks, remark_pairs
from vulnscope.corpora.tables.assembly import Row, assemble
from vulnscope.errors import InputError

NAME = "synthetic"

Difficulty = Literal["plain", "bound", "both"]
Templates = Literal["all", "train", "held-out"]
GroupBy = Literal["pair", "template"]


def load_synthetic(
    data_dir: Path | None = None,
    *,
    skip_bad: bool = False,
    seed: int = EVALUATION_SEED,
    n_pairs: int = 400,
    difficulty: Difficulty = "bound",
    templates: Templates = "all",
    group_by: GroupBy = "pair",
    remarks: Remarks = "none",
) -> Corpus:
    """Generated twins in Python and C with known ground truth (Apache-2.0); needs no data.

    The default seed is the first for evaluation; smaller ones are for training. `templates` keeps those that training
    may see or those held out from it. `remarks` puts a comment above every sample that claims a label: its own
    (`aligned`, a spurious cue) or one by coin.
    """
    if data_dir is not None:
        raise InputError(f"corpus {NAME!r} is generated and reads no data; leave out the data folder {data_dir}")
    ids = {"all": None, "train": training_templates(), "held-out": held_out_templates()}[templates]
    samples = generate(seed, n_pairs, difficulty=difficulty, templates=ids)
    samples = remark_pairs(samples, remarks, seed)
    if group_by == "template":
        samples = tuple(_key_by_template(sample) for sample in samples)
    pairs = zip(samples[::2], samples[1::2], strict=True)
    return assemble(
        NAME,
        [Row(path=vulnerable.origin.path, line=None, samples=(vulnerable, fixed)) for vulnerable, fixed in pairs],
        skip_bad=skip_bad,
        options={
            "seed": seed,
            "n_pairs": n_pairs,
            "difficulty": difficulty,
            "templates": templates,
            "group_by": group_by,
            "remarks": remarks,
        },
    )


def _key_by_template(sample: Sample) -> Sample:
    return sample.model_copy(update={"group_keys": (f"template:{sample.origin.project}", *sample.group_keys)})
