"""Records in; HTML and terminal out. Computes no figure."""

from vulnscope.report.html import render_html
from vulnscope.report.terminal import render_terminal

__all__ = ["render_html", "render_terminal"]
