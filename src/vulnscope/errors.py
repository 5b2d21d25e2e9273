"""The whole error tree, sorted by who must act.

Every message names the thing, what came, what is allowed and the next step. The command line prints
these as one paragraph and exits with `exit_code`; anything else is a bug and shows its traceback.
"""

from __future__ import annotations


class VulnscopeError(Exception):
    """Root of everything raised on purpose."""

    exit_code = 3


class InputError(VulnscopeError):
    """The user asked for something that does not exist or does not fit; the user changes the request."""

    exit_code = 2


class MissingPrerequisite(VulnscopeError):
    """Something outside the package is needed; the message holds the command that provides it."""


class CorruptData(VulnscopeError):
    """A file or row is not what its format promises; the message names file, line and reason."""


class SubjectError(VulnscopeError):
    """The model under study cannot do what was asked of it, or failed its self-check."""


class EndpointError(VulnscopeError):
    """A model behind a URL cannot be reached, refuses, or answers what is no answer; what it answered is kept."""


class RunError(VulnscopeError):
    """A run folder is locked, foreign, or cannot be continued."""


class Interrupted(VulnscopeError):
    """The user stopped a run; the message says how to continue it."""

    exit_code = 130
