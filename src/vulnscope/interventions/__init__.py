"""Interventions: prompts, edits, adapters and thresholds as data with a digest, and how each is applied."""

from vulnscope.facade import serve_names

__getattr__, __dir__, __all__ = serve_names(__name__, __file__)
