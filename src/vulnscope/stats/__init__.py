"""Every figure's formula, once: detection, intervals, paired tests, corrections, power. Pure numpy and scipy."""

from vulnscope.facade import serve_names

__getattr__, __dir__, __all__ = serve_names(__name__, __file__)
