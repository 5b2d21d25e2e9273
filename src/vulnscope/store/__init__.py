"""Run folders, rows, resume and the answer cache: the only room that writes results to disk."""

from vulnscope.facade import serve_names

__getattr__, __dir__, __all__ = serve_names(__name__, __file__)
