"""Templates as data; rendering to text with named character spans, and to tokens."""

from vulnscope.facade import serve_names

__getattr__, __dir__, __all__ = serve_names(__name__, __file__)
