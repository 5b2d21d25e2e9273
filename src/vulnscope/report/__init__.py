"""Records in; pages out, as HTML, for a terminal, in Markdown and as CSV. Computes no figure."""

from vulnscope.report.showing import render_html, render_terminal

__all__ = ["render_html", "render_terminal"]
