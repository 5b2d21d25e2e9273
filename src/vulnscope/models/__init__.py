"""Subjects, their sites, and everything that runs them; imported on first use, since torch takes a second."""

from vulnscope.facade import serve_names

__getattr__, __dir__, __all__ = serve_names(__name__, __file__)
