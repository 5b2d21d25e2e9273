"""The verdict in one sentence, from the figures of a record and nothing else."""

from __future__ import annotations

from vulnscope.records.answers import MarginKind
from vulnscope.records.audit import CorpusInfo, Slice
from vulnscope.records.base import Estimate, NotMeasured, Number

_NOTED_UNPARSED_RATE = 0.02


def write_sentence(overall: Slice, corpus: CorpusInfo, readout: MarginKind = "log-odds") -> str:
    """How often it says vulnerable, how many pairs it gets right against chance, and how its margins rank twins."""
    score = "margin" if readout == "log-odds" else "verdict"
    parts = [_describe_answers(overall)]
    if overall.n_pairs:
        parts.append(f"pair-correct {_interval(overall.pair_correct)}, {_describe_chance(overall)}")
        parts.append(f"{score}s rank {_interval(overall.pair_rank)} of twins")
    else:
        parts.append(f"no pairs; AUROC of the {score} {_area(overall.auroc)}")
    sentence = "; ".join(parts)
    return f"on generated code ({corpus.grouping}): {sentence}" if corpus.name == "synthetic" else sentence


def _describe_answers(overall: Slice) -> str:
    unparsed = overall.unparsed_rate.value
    if isinstance(overall.yes_rate.value, NotMeasured):
        return "never gives a clear answer"
    if isinstance(unparsed, float) and unparsed >= _NOTED_UNPARSED_RATE:
        return (
            f"gives no clear answer to {_percent(unparsed)} and says vulnerable to "
            f"{_percent(overall.yes_rate.value)} of the rest"
        )
    return f"says vulnerable to {_percent(overall.yes_rate.value)} of everything"


def _describe_chance(overall: Slice) -> str:
    return f"chance at that yes-rate {_percent(overall.pair_correct_chance)}"


def _interval(estimate: Estimate) -> str:
    low, high = estimate.low, estimate.high
    if isinstance(low, NotMeasured) or isinstance(high, NotMeasured):
        return _percent(estimate.value)
    return f"{_percent(estimate.value)} [{_hundredths(low)}, {_hundredths(high)}]"


def _area(estimate: Estimate) -> str:
    if isinstance(estimate.value, NotMeasured):
        return f"not measured ({estimate.value.reason})"
    if isinstance(estimate.low, NotMeasured) or isinstance(estimate.high, NotMeasured):
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _percent(rate: Number) -> str:
    return f"not measured ({rate.reason})" if isinstance(rate, NotMeasured) else f"{_hundredths(rate)} %"


def _hundredths(rate: float) -> str:
    """Whole percents, with one decimal where a rate next to 0 or 1 would otherwise read as 0 or 100."""
    percent = round(100 * rate, 9)  # the end of an interval may miss 0 or 1 by an ulp
    is_rounded_away = 0 < percent < 0.5 or 99.5 <= percent < 100
    return f"{percent:.1f}" if is_rounded_away else f"{percent:.0f}"
