"""The synthetic corpus: seeded vulnerable/fixed twins in Python and C whose ground truth is known by construction."""

from vulnscope.corpora.synthetic.generate import (
    EVALUATION_SEED,
    HELD_OUT,
    TEMPLATES,
    generate,
    generate_pair,
    training_templates,
)
from vulnscope.corpora.synthetic.template import Template

__all__ = [
    "EVALUATION_SEED",
    "HELD_OUT",
    "TEMPLATES",
    "Template",
    "generate",
    "generate_pair",
    "training_templates",
]
