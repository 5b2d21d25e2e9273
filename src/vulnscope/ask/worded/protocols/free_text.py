"""Protocol `free-text`: any weakness, reasoning first, verdict last."""

from __future__ import annotations

from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, NoOptions


def open_free_text(settings: NoOptions, context: Context) -> DialogueProtocol:
    """The protocol; it has no options."""
    del settings
    return DialogueProtocol(context)
