"""Records in; HTML and terminal out. Computes no figure."""

from vulnscope.report.showing import render_html, render_terminal

__all__ = ["render_html", "render_terminal"]
