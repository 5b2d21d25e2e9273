"""The leak audit of a corpus: what splits share, which words name the label, and how far rules without a model get.

Rules are trained on the published training split, else on the corpus itself by folds over groups; nothing is scored by
its own group. AUROC is within strata of CWE and language. Length has a fixed direction: the shorter is vulnerable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from vulnscope.ask.figures.baselines import LENGTH, BaselineScores, Training, plan_training, score_counts, score_length
from vulnscope.ask.figures.ngrams import count_ngrams, count_token_ngrams
from vulnscope.corpora.check.leaks import LABEL_WORDS, WORD, count_label_words, find_leaks
from vulnscope.corpora.check.stats import count_corpus
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.records.leaks import LeakRecord, Overlap, SurfaceRule
from vulnscope.stats import (
    Bootstrap,
    Floats,
    Groups,
    auroc_statistic,
    estimate,
    estimate_mean,
    pair_ranks,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from vulnscope.corpora import Corpus, Sample

_TOKEN = re.compile(r"\w+|[^\w\s]")
_MAX_IDS = 1 << 20

RULES: dict[str, Callable[[Sequence[str]], csr_matrix]] = {
    "label words": lambda texts: count_token_ngrams(_number(texts, WORD, LABEL_WORDS), (1,)),
    "bag of tokens": lambda texts: count_token_ngrams(_number(texts, _TOKEN), (1,)),
    "character 2-5-grams": lambda texts: count_ngrams(texts, (2, 3, 4, 5)),
    "token 1-3-grams": lambda texts: count_token_ngrams(_number(texts, _TOKEN), (1, 2, 3)),
}
"""Rules that are trained, by name: the counts they read."""


def check_corpus(
    corpus: Corpus, others: Sequence[Corpus] = (), *, seed: int = 0, bootstrap: Bootstrap | None = None
) -> LeakRecord:
    """The leak audit of `corpus`, also against `others`. `seed` deals groups into folds."""
    counts = count_corpus(corpus)
    within, overlaps = find_leaks(corpus, others)
    surface = measure_surface(corpus, seed, bootstrap or Bootstrap())
    return LeakRecord(
        corpus=corpus.name,
        version=corpus.version,
        content_digest=corpus.content_digest,
        n_samples=counts.n_samples,
        n_pairs=counts.n_pairs,
        n_groups=counts.n_groups,
        splits=counts.splits,
        within=within,
        overlaps=overlaps,
        label_words=count_label_words(corpus.samples),
        surface=surface,
        seed=seed,
        findings=(*_find(overlaps, surface, within.n_mixed_labels), *counts.problems),
    )


def measure_surface(corpus: Corpus, seed: int, bootstrap: Bootstrap) -> tuple[SurfaceRule, ...]:
    """How far length, label words, bag of tokens and n-grams alone get on all labelled samples of `corpus`."""
    items = [sample for sample in corpus.samples if sample.label != "unlabelled"]
    training = plan_training(items, corpus, None, seed)
    reason = training.find_reason_not_to()
    return tuple(_measure(scores, items, corpus, bootstrap) for scores in _score(items, training, reason))


def _score(items: Sequence[Sample], training: Training, reason: str | None) -> Iterator[BaselineScores]:
    if reason is not None:
        for name in (LENGTH, *RULES):
            yield BaselineScores(name, training.description, None, None, reason)
        return
    yield score_length(items, training)
    for name, count in RULES.items():
        yield score_counts(name, count, items, training)


def _measure(rule: BaselineScores, items: Sequence[Sample], corpus: Corpus, bootstrap: Bootstrap) -> SurfaceRule:
    if rule.scores is None:
        missing = not_measured(rule.reason, len(items))
        return SurfaceRule(name=rule.name, trained_on=rule.trained_on, auroc=missing, pair_rank=missing)
    places = {sample.id: place for place, sample in enumerate(items)}
    twins = [(pair, places[pair.vulnerable.id], places[pair.fixed.id]) for pair in corpus.pairs]
    ranks = pair_ranks([rule.scores[one] for _, one, _ in twins], [rule.scores[other] for _, _, other in twins])
    groups = Groups.from_labels([corpus.groups[pair.vulnerable.id] for pair, _, _ in twins])
    return SurfaceRule(
        name=rule.name,
        # Length has no training: its direction is fixed.
        trained_on=None if rule.name == LENGTH else rule.trained_on,
        auroc=_auroc(rule.scores, items, corpus, bootstrap),
        pair_rank=estimate_mean(ranks, groups, bootstrap) if twins else not_measured("no pairs"),
    )


def _auroc(scores: Floats, items: Sequence[Sample], corpus: Corpus, bootstrap: Bootstrap) -> Estimate:
    is_positive = [sample.label == "vulnerable" for sample in items]
    strata = [(sample.cwes, sample.language) for sample in items]
    groups = Groups.from_labels([corpus.groups[sample.id] for sample in items])
    return estimate(auroc_statistic(scores, is_positive, groups, strata), groups, bootstrap)


def _number(texts: Sequence[str], token: re.Pattern[str], only: frozenset[str] | None = None) -> list[list[int]]:
    """Tokens as numbers, the same token the same one; of `only` in lower case, where it is given."""
    numbers: dict[str, int] = {}
    found = ([text.lower() for text in token.findall(text)] if only else token.findall(text) for text in texts)
    return [
        [numbers.setdefault(word, len(numbers) % _MAX_IDS) for word in words if only is None or word in only]
        for words in found
    ]


def _find(overlaps: Sequence[Overlap], surface: Sequence[SurfaceRule], n_mixed: int) -> Iterator[str]:
    for overlap in overlaps:
        for origin in overlap.origins:
            if origin.n_shared:
                share = f"{origin.n_shared} of {origin.n_right} {_name_origins(origin.kind)}"
                yield f"{share} of {overlap.right!r} are also in {overlap.left!r}"
        if overlap.n_near:
            share = f"{overlap.n_near} of {overlap.n_right} samples"
            yield f"{share} of {overlap.right!r} have a near-duplicate in {overlap.left!r} ({overlap.n_exact} a copy)"
    if n_mixed:
        yield f"{n_mixed} samples have a copy with the opposite label"
    missing = [rule.auroc.value.reason for rule in surface if isinstance(rule.auroc.value, NotMeasured)]
    if missing and len(missing) == len(surface):
        yield f"how far rules without a model get was not measured: {missing[0]}"
    for rule in surface:
        if clear := [text for text in (_clear(rule, "AUROC"), _clear(rule, "pair-rank")) if text]:
            yield f"{rule.name} alone: {' and '.join(clear)}, clear of chance"


def _clear(rule: SurfaceRule, what: Literal["AUROC", "pair-rank"]) -> str | None:
    """The figure where its interval lies above chance, or for length, whose direction is a guess, below."""
    figure = rule.auroc if what == "AUROC" else rule.pair_rank
    low, value, high = figure.low, figure.value, figure.high
    if isinstance(low, NotMeasured) or isinstance(value, NotMeasured) or isinstance(high, NotMeasured):
        return None
    return f"{what} {value:.2f}" if low > 0.5 or (rule.name == LENGTH and high < 0.5) else None


def _name_origins(kind: str) -> str:
    """Several of a kind, in words."""
    return {"cve": "CVEs", "cwe": "CWEs"}.get(kind, f"{kind}s")
