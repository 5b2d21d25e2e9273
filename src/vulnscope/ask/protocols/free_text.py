"""Protocol `free-text`: any weakness, reasoning first, verdict last."""

from __future__ import annotations

from collections.abc import Mapping

from vulnscope.ask.protocols.base import Context, DialogueProtocol, NoOptions, read_options


def open_free_text(options: Mapping[str, str], context: Context) -> DialogueProtocol:
    """The protocol; it has no options."""
    read_options("free-text", NoOptions, options)
    return DialogueProtocol(context)
