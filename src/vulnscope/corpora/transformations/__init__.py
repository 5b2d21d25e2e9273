"""Changes of code that change nothing about what it does: other names, comments, white space, dead code."""

from vulnscope.corpora.transformations.apply import augment, transform
from vulnscope.corpora.transformations.source import TransformError
from vulnscope.registry import list_names

KINDS = list_names("transformation")
"""Registered transformations; several at once are joined by "+"."""

__all__ = ["KINDS", "TransformError", "augment", "transform"]
