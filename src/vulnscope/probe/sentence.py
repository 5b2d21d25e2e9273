"""What was found, in one sentence, from the figures of a record and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.records.base import Estimate, NotMeasured, Number
from vulnscope.report.format import format_estimate, format_p, format_signed_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.records.audit import CorpusInfo
    from vulnscope.records.probe import Claim, Generality, Null, ProbeScore

_OPENINGS = {
    "yes": "knows: the label can be read from its hidden states beyond every surface rule",
    "no": "does not know: no read-out of its hidden states beats the best surface rule by 0.05 AUROC or more",
    "cannot tell": "cannot tell whether it knows: no read-out is clearly better than the best surface rule",
}


def write_sentence(
    claim: Claim,
    probe: ProbeScore,
    best: ProbeScore,
    difference: Estimate,
    detectable: Number,
    null: Null,
    say: ProbeScore,
    gap: Estimate,
    generality: Sequence[Generality],
    corpus: CorpusInfo,
) -> str:
    """The claim, the probe against the best rule, what the model says, the gap, and how far it generalises."""
    parts = [
        _OPENINGS[claim],
        f"probe AUROC {_show(probe.auroc)} against {_show(best.auroc)} for {best.name}, difference "
        f"{format_signed_estimate(difference)}, permutation p {format_p(null.p)}",
        f"its answers reach {_show(say.auroc)}{_describe_gap(gap)}",
    ]
    if claim == "cannot tell" and isinstance(detectable, float):
        parts.append(f"so few groups could have shown a difference of {detectable:.2f}")
    for each in generality:
        where = "CWEs" if each.kind == "cwe" else "templates"
        verdict = {"yes": "beats", "no": "does not beat", "cannot tell": "does not clearly beat"}[each.general]
        parts.append(
            f"on unseen {where} the probe {verdict} the best surface rule ({_show(each.probe)} against "
            f"{_show(each.baseline_auroc)})"
        )
    sentence = "; ".join(parts)
    return f"on generated code ({corpus.grouping}): {sentence}" if corpus.name == "synthetic" else sentence


def _describe_gap(gap: Estimate) -> str:
    if isinstance(gap.low, NotMeasured) or isinstance(gap.high, NotMeasured):
        return ""
    if gap.low > 0:
        return f", {format_signed_estimate(gap)} short of what it knows"
    return f", no clear gap to its hidden states ({format_signed_estimate(gap)})"


def _show(estimate: Estimate) -> str:
    return format_estimate(estimate, "score")
