"""Protocol `locate`: which lines would have to change. Scored against the lines that the fix changed.

Lines are numbered as in the whole file, also where the model sees a part of it. Naming no line says that there is no
vulnerability. Lines of a fix are not all vulnerable, and a vulnerability may be fixed elsewhere: read recall and
precision against the share of lines named, which is what naming at random would recall.
"""

from __future__ import annotations

from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, NoOptions


def open_locate(settings: NoOptions, context: Context) -> DialogueProtocol:
    """The protocol; it has no options."""
    del settings
    return DialogueProtocol(context)
