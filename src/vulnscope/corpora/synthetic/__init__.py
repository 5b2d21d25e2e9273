"""The synthetic corpus: seeded vulnerable/fixed twins in Python and C whose ground truth is known by construction."""

from vulnscope.corpora.synthetic.family import load_templates
from vulnscope.corpora.synthetic.generate import (
    EVALUATION_SEED,
    generate,
    generate_pair,
    held_out_templates,
    training_templates,
)
from vulnscope.corpora.synthetic.template import Template

__all__ = [
    "EVALUATION_SEED",
    "Template",
    "generate",
    "generate_pair",
    "held_out_templates",
    "load_templates",
    "training_templates",
]
