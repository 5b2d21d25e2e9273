"""Read-outs beyond the folds: unseen CWEs and templates, other corpora, fewer training pairs, another target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vulnscope.ask.figures.paired_scores import ScoreTable, area_under, measure_auroc, pair_rank_p
from vulnscope.errors import InputError
from vulnscope.probe.against import hold_against
from vulnscope.probe.claims import judge_general
from vulnscope.probe.decoding import name_choices, read_rule
from vulnscope.probe.folds import NEVER, Folds, deal_folds, leave_out
from vulnscope.probe.nested import Choice, Feature, column_auroc, cross_validate, score_parts
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.records.probe import CurvePoint, Generality, Part, Transfer, TypeTarget
from vulnscope.stats import AurocStatistic, Bootstrap, Groups, auroc_statistic, estimate

if TYPE_CHECKING:
    from vulnscope.records.audit import CorpusInfo
    from vulnscope.stats import Floats

MOST_FOLDS = {"cwe": 24, "template": 8}
"""Parts are left out one by one up to so many; more share so many folds, each part still unseen."""
_TYPE_FOLDS = 3
MIN_TYPE_GROUPS = 2 * _TYPE_FOLDS
"""Groups that a CWE needs to be a class of the second target."""
_SMALLEST_CURVE = 4


def leave_parts_out(
    kind: Literal["cwe", "template"],
    parts: Sequence[str],
    features: Sequence[Feature],
    baselines: Mapping[str, Sequence[Feature]],
    items: ScoreTable,
    bootstrap: Bootstrap,
    *,
    n_inner: int,
    seed: int,
    is_measured: np.ndarray,
) -> Generality:
    """The probe and the best surface rule on parts of the corpus that training has not seen."""
    folds = leave_out(parts, items.groups, n_inner, seed, MOST_FOLDS[kind])
    probe = cross_validate(features, items.is_vulnerable[:, None], folds).chosen[:, 0]
    rules = {name: read_rule(own, items, folds).scores for name, own in baselines.items()}
    kept = is_measured & np.isfinite(probe)
    measured = items.part(kept)
    own = {name: scores[kept] for name, scores in rules.items()}
    against = hold_against(probe[kept], own, measured, bootstrap, n_folds=folds.n_outer, seed=seed)
    p = pair_rank_p(probe[kept], measured)
    names = np.array(parts, dtype=object)
    return Generality(
        kind=kind,
        n_parts=len(set(parts)),
        probe=measure_auroc(probe[kept], measured, bootstrap, folds.n_outer),
        baseline=against.followed.name,
        baseline_auroc=measure_auroc(against.followed.scores, measured, bootstrap, folds.n_outer),
        difference=against.difference,
        p=p,
        general=judge_general(against, p),
        parts=tuple(
            _measure_part(name, probe, items, kept & (names == name), bootstrap, folds.n_outer)
            for name in dict.fromkeys(parts)
        ),
    )


def _measure_part(
    name: str, scores: Floats, items: ScoreTable, is_kept: np.ndarray, bootstrap: Bootstrap, n_folds: int
) -> Part:
    own = items.part(is_kept)
    n_pairs = len(own.twins())
    if n_pairs < 2:
        auroc = not_measured(f"{n_pairs} pair: too few to be measured alone", len(own), own.n_groups)
    else:
        auroc = measure_auroc(scores[is_kept], own, bootstrap, n_folds)
    return Part(name=name, n_pairs=n_pairs, n_groups=own.n_groups, auroc=auroc)


def draw_curve(
    features: Sequence[Feature],
    choices: Sequence[Choice | None],
    items: ScoreTable,
    folds: Folds,
    *,
    n_repeats: int,
    seed: int,
) -> tuple[CurvePoint, ...]:
    """AUROC of what each outer fold chose, fitted on ever fewer of its training pairs.

    The mean over folds and draws; whole groups are drawn. The choice itself was made on all training pairs. Where only
    one class was drawn, or a fold has no AUROC, nothing is measured; a size without any such figure has no point.
    """
    smallest = min(int((inner >= 0).sum()) // 2 for inner, c in zip(folds.inner, choices, strict=True) if c)
    sizes = [size for size in (_SMALLEST_CURVE * 2**k for k in range(32)) if size < smallest] + [smallest]
    generator = np.random.default_rng(seed)
    points = []
    for size in sizes:
        areas = []
        for _ in range(1 if size == smallest else n_repeats):
            found = []
            for fold, choice in enumerate(choices):
                if choice is None:
                    continue
                training = _draw_groups(items, folds.inner[fold] >= 0, 2 * size, generator)
                measured = folds.outer == fold
                labels = items.is_vulnerable
                if len(set(labels[training].tolist())) < 2:
                    continue
                scores = score_parts(features[choice.feature], choice.variant, labels, training, measured)
                area = area_under(scores, items.part(measured))
                found += [] if isinstance(area, NotMeasured) else [area]
            areas += [float(np.mean(found))] if found else []
        if not areas:
            continue
        points.append(
            CurvePoint(
                n_pairs=size,
                auroc=float(np.mean(areas)),
                lowest=min(areas),
                highest=max(areas),
                n_repeats=len(areas),
            )
        )
    return tuple(points)


def _draw_groups(
    items: ScoreTable, is_training: np.ndarray, n_items: int, generator: np.random.Generator
) -> np.ndarray:
    """About `n_items` training items, whole groups in random order."""
    index = Groups.from_labels(items.groups).index
    chosen = np.zeros(len(items), dtype=bool)
    for group in generator.permutation(np.unique(index[is_training])):
        if int(chosen.sum()) >= n_items:
            break
        chosen |= is_training & (index == group)
    return chosen


def read_other_corpus(
    info: CorpusInfo,
    features: Sequence[Feature],
    baselines: Mapping[str, Sequence[Feature]],
    items: tuple[ScoreTable, ScoreTable],
    bootstrap: Bootstrap,
    *,
    n_inner: int,
    seed: int,
    is_measured: np.ndarray,
) -> Transfer:
    """What was fitted and chosen on the first corpus, read on the second.

    `features` and `baselines` hold the items of the first, then those of the second; figures are taken over the
    `is_measured` items of the second.
    """
    home, away = items
    inner = deal_folds(home.groups, n_inner, 2, seed).outer
    folds = Folds(
        outer=np.concatenate([np.full(len(home), NEVER), np.zeros(len(away), dtype=np.int64)]),
        inner=(np.concatenate([inner, np.full(len(away), NEVER)]),),
        names=("all",),
    )
    labels = np.concatenate([home.is_vulnerable, away.is_vulnerable])[:, None]
    found = cross_validate(features, labels, folds)
    rules = {
        name: cross_validate(own, labels, folds).chosen[len(home) :, 0][is_measured] for name, own in baselines.items()
    }
    scores, measured = found.chosen[len(home) :, 0][is_measured], away.part(is_measured)
    # One rule, fitted on another corpus: no folds share it.
    against = hold_against(scores, rules, measured, bootstrap, n_folds=None, seed=seed)
    return Transfer(
        corpus=info,
        probe=measure_auroc(scores, measured, bootstrap),
        chosen=name_choices(features, found.choices)[0],
        baseline=against.followed.name,
        baseline_auroc=measure_auroc(against.followed.scores, measured, bootstrap),
        difference=against.difference,
    )


def join_features(one: Sequence[Feature], other: Sequence[Feature]) -> list[Feature]:
    """The same features of two corpora, one after the other; not for counts, whose columns differ by corpus."""
    return [
        Feature(a.name, np.concatenate([a.values, b.values]), a.is_standardised)
        for a, b in zip(one, other, strict=True)
    ]


def read_cwe_type(
    cwes: Sequence[str],
    features: Sequence[Feature],
    baselines: Mapping[str, Sequence[Feature]],
    items: ScoreTable,
    bootstrap: Bootstrap,
    *,
    n_inner: int,
    seed: int,
) -> TypeTarget | None:
    """How well the CWE itself can be read, both twins alike; None with fewer than two CWEs in enough groups."""
    groups_of: dict[str, set[str]] = {}
    for cwe, group in zip(cwes, items.groups, strict=True):
        groups_of.setdefault(cwe, set()).add(group)
    classes = [cwe for cwe, groups in groups_of.items() if cwe and len(groups) >= MIN_TYPE_GROUPS]
    left_out = tuple(cwe or "none" for cwe in groups_of if cwe not in classes)
    is_kept = np.array([cwe in classes for cwe in cwes], dtype=bool)
    own = items.part(is_kept)
    if len(classes) < 2:
        return None
    try:
        folds = deal_folds(own.groups, _TYPE_FOLDS, n_inner, seed)
    except InputError:
        return None
    labels = np.array([[cwe == name for name in classes] for cwe in cwes], dtype=bool)[is_kept]

    def read(given: Sequence[Feature]) -> tuple[Floats, tuple[str, ...]]:
        cut = [Feature(f.name, f.values[is_kept], f.is_standardised) for f in given]
        found = cross_validate(cut, labels, folds, is_joint=True)
        return found.chosen, name_choices(cut, found.choices)

    scores, chosen = read(features)
    rules = {name: read(given)[0] for name, given in baselines.items()}
    followed, best = _follow_macro(rules, labels, folds)
    return TypeTarget(
        classes=tuple(classes),
        left_out=left_out,
        probe=_macro_auroc(scores, labels, own, bootstrap),
        chosen=chosen,
        baseline=best,
        baseline_auroc=_macro_auroc(followed, labels, own, bootstrap),
    )


def _follow_macro(rules: Mapping[str, Floats], labels: np.ndarray, folds: Folds) -> tuple[Floats, str]:
    """Each fold under the rule that did best on the other folds, and the rule that most folds took."""
    found, names = np.empty_like(next(iter(rules.values()))), []
    for fold in range(folds.n_outer):
        others = folds.outer != fold
        areas = {name: column_auroc(own[others][:, None, :], labels[others]).mean() for name, own in rules.items()}
        names.append(max(areas, key=lambda name: float(areas[name])))
        found[~others] = rules[names[-1]][~others]
    return found, Counter(names).most_common(1)[0][0]


def _macro_auroc(scores: Floats, labels: np.ndarray, items: ScoreTable, bootstrap: Bootstrap) -> Estimate:
    groups = items.all_groups()
    each = [auroc_statistic(scores[:, c], labels[:, c], groups) for c in range(labels.shape[1])]
    return estimate(AurocStatistic.average(each), groups, bootstrap)


def detect_single_pairs(cwes: Sequence[str], items: ScoreTable) -> tuple[str, ...]:
    """CWEs of a single pair: they train and are measured with the others, and have no figure of their own."""
    twins = items.twins()[:, 0].tolist()
    counts: dict[str, int] = {}
    for place in twins:
        counts[cwes[place]] = counts.get(cwes[place], 0) + 1
    return tuple(cwe for cwe, n in counts.items() if n == 1)
