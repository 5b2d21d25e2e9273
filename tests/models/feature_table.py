"""The page of architectures × features in the docs: `python -m tests.regenerate` writes it from the self-checks."""

from __future__ import annotations

from pathlib import Path

from tests.models.subjects import tiny_subject
from tests.models.zoo import ARCHITECTURES

from vulnscope.models.forward.hooks import STREAMS
from vulnscope.models.forward.packing import PACKING
from vulnscope.models.forward.resume import RESUME, check_resume
from vulnscope.models.subject.selfcheck import BATCH_DECODING, LEFT_PADDING, PREFIX_CACHE, RIGHT_PADDING
from vulnscope.models.subject.subject import Subject

GOLDEN = Path(__file__).parents[2] / "docs" / "reference"
PAGE = "architectures.md"
BATCHING = (RIGHT_PADDING, LEFT_PADDING, BATCH_DECODING, PREFIX_CACHE, PACKING)

_HEAD = """# Architectures

Written by `python -m tests.regenerate` from tiny random models of each architecture; do not edit.

Any decoder model of transformers may be opened; these are the ones the tests run. On all of them captures and added
vectors agree with nnsight to the bit, and edits mean the same under scoring, generation and plain calls. What differs
is where branches can be reached, and which rows may share a call. What was not proven is refused by name or done in a
slower way:

- `attn_out`, `mlp_in`, `mlp_out`: captures and edits at these streams (in all layers, or in those listed).
- right padding: scoring and capturing texts of unequal length together, else one length per call.
- left padding: generating from prompts of unequal length together, else one length per call.
- batch decoding: generating for several prompts at once, else one by one.
- prefix cache: shared prefixes are computed once, else once per text.
- packing: several continuations of one prefix share a row, up to the attention window where there is one.
- resume: a sweep starts above the layers that an edit leaves alone, else every point runs all of them.

"""


def render_golden() -> dict[str, str]:
    """The page by its file name."""
    reasons: dict[str, list[str]] = {}
    rows = [render_row(tiny_subject(name), reasons) for name in ARCHITECTURES]
    notes = "\n".join(f"- {reason}: {', '.join(names)}" for reason, names in reasons.items())
    columns = ["architecture", "layers at", "resid_pre", "resid_post", "attn_out", "mlp_in", "mlp_out"]
    columns += ["right padding", "left padding", "batch decoding", "prefix cache", "packing", "resume"]
    table = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|", *rows]
    return {PAGE: _HEAD + "\n".join(table) + "\n\n## Reasons\n\n" + notes + "\n"}


def render_row(subject: Subject, reasons: dict[str, list[str]]) -> str:
    """The table row of one subject; reasons of what it cannot do are collected."""
    cells = [subject.name, f"`{subject.architecture.layers_path}`"]
    resume = check_resume(subject.model, subject.architecture, range(subject.architecture.n_layers)).capability
    known = {item.name: item for item in (*subject.capabilities.items, resume)}
    for name in (*STREAMS, *BATCHING, RESUME):
        capability = known[name]
        if capability.reason:
            who = reasons.setdefault(
                f"{name.replace('_', ' ') if name in BATCHING else name}: {_plain(capability.reason)}", []
            )
            who.append(subject.name)
        layers = capability.layers
        is_partial = capability.is_proven and layers is not None and len(layers) < subject.architecture.n_layers
        cells.append(
            ("layers " + ", ".join(map(str, layers or ()))) if is_partial else "yes" if capability.is_proven else "no"
        )
    return "| " + " | ".join(cells) + " |"


def _plain(reason: str) -> str:
    """A reason without the figures and names that differ from model to model."""
    if "differ from the plain forward" in reason:
        return "log-probabilities differ from the plain forward"
    return reason.split(" (children")[0].split(" (Cannot")[0].split(" of type <")[0].removeprefix("ValueError: ")
