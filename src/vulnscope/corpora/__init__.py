"""Corpora: named sets of vulnerable and fixed code under one schema, with group-aware splits."""

from vulnscope.facade import serve_names

__getattr__, __dir__, __all__ = serve_names(__name__, __file__)
