"""Which part of a corpus is asked, by which prompts, and how a record describes it: shared by all studies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vulnscope import registry
from vulnscope.ask.scored.preparation import Prepared, prepare
from vulnscope.ask.windows import note_left_out
from vulnscope.corpora import Corpus, select
from vulnscope.corpora.check.problems import find_problems
from vulnscope.corpora.samples import find_pairs
from vulnscope.errors import InputError
from vulnscope.prompts import load_prompts
from vulnscope.records.audit import CorpusInfo, LeftOut
from vulnscope.stats import Groups, auroc_statistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.ask.settings import Selection
    from vulnscope.corpora import Sample
    from vulnscope.models import Subject

UNSELECTED = "not selected by part, CWE, language or limit"


def check_selection(corpus: Corpus, config: Selection) -> Corpus:
    """The selected part of `corpus`; raises `InputError` where `config` cannot be carried out on it."""
    registry.resolve("protocol", config.protocol)
    load_prompts(config.prompts_file or config.protocol).keep(config.prompts)
    return select_samples(corpus, config)


def open_protocol(subject: Subject, config: Selection) -> YesNoProtocol:
    """The protocol that `config` names, with its own prompts or the user's."""
    build: type[YesNoProtocol] = registry.resolve("protocol", config.protocol)
    prompts = load_prompts(config.prompts_file or config.protocol).keep(config.prompts)
    return build(prompts, subject.tokenizer, is_chat=config.chat, opened_thought=config.opened_thought)


def select_samples(corpus: Corpus, config: Selection) -> Corpus:
    """The part of `corpus` that `config` selects."""
    return select(
        corpus,
        cwes=config.cwes,
        languages=config.languages,
        parts=config.parts,
        limit=config.limit,
        seed=config.seed,
    )


def prepare_selected(
    subject: Subject, corpus: Corpus, config: Selection, protocol: YesNoProtocol, selected: Corpus | None = None
) -> Prepared:
    """What will be asked of the corpus, and what is left out for which reason.

    `selected` is the part of it that `config` selects, where that is known already.
    """
    selected = selected or select_samples(corpus, config)
    prepared = prepare(protocol, list_labelled(selected), subject.max_positions)
    left_out = (*note_unasked(corpus, selected), *prepared.left_out)
    if not prepared.samples:
        raise InputError(f"corpus {corpus.name!r} leaves nothing to ask ({list_reasons(left_out)})")
    return replace(prepared, left_out=left_out)


def list_labelled(corpus: Corpus) -> tuple[Sample, ...]:
    """The samples of `corpus` that have a label."""
    return tuple(sample for sample in corpus.samples if sample.label != "unlabelled")


def note_unasked(corpus: Corpus, selected: Corpus) -> tuple[LeftOut, ...]:
    """What of `corpus` is not asked because it is not `selected`, or has no label."""
    n_unselected = len(corpus.samples) - len(selected.samples)
    notes = (LeftOut(reason=UNSELECTED, n=n_unselected),) if n_unselected else ()
    return (*notes, *note_left_out({"no label": [s.id for s in selected.samples if s.label == "unlabelled"]}))


def list_reasons(left_out: Sequence[LeftOut]) -> str:
    """Why there is nothing left to ask, in one line."""
    return "; ".join(f"{part.n}: {part.reason}" for part in left_out)


def describe_corpus(corpus: Corpus, samples: Sequence[Sample]) -> CorpusInfo:
    """The studied part of `corpus`; version and digest are those of the whole."""
    groups = Groups.from_labels([corpus.groups[sample.id] for sample in samples])
    labelled = [sample for sample in samples if sample.label != "unlabelled"]
    ranked = auroc_statistic(
        np.zeros(len(labelled)),
        [sample.label == "vulnerable" for sample in labelled],
        Groups.from_labels([corpus.groups[sample.id] for sample in labelled]),
        [(sample.cwes, sample.language) for sample in labelled],
    )
    return CorpusInfo(
        name=corpus.name,
        version=corpus.version,
        corpus_digest=corpus.content_digest,
        n_samples=len(samples),
        n_pairs=len(find_pairs(samples)),
        n_groups=groups.n_groups,
        n_effective_groups=groups.n_effective,
        largest_group_share=groups.largest_share,
        unranked_share=ranked.unranked_share,
        grouping=describe_grouping(corpus, samples),
        licence=", ".join(sorted({sample.licence for sample in samples})),
        problems=find_problems(samples),
        bad_rows=tuple(
            f"{bad.path}{f':{bad.line}' if bad.line is not None else ''}: {bad.reason}" for bad in corpus.bad_rows
        ),
    )


def describe_grouping(corpus: Corpus, samples: Sequence[Sample]) -> str:
    """What makes a group, and for generated code what a claim is therefore about."""
    if corpus.name == "synthetic":
        is_by_template = corpus.options.get("group_by") == "template"
        return "by template: claims about new templates" if is_by_template else "by pair: claims about these templates"
    keys = {key.partition(":")[0] for sample in samples for key in sample.group_keys}
    kinds = sorted(keys - {"group", "copy", "near", "sample", "pair"})
    if any(sample.pair_id is not None for sample in samples):
        kinds.append("pair")
    return f"by {', '.join(kinds)} and equal code" if kinds else "by equal code"
