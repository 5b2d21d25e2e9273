"""Which part of a corpus is asked, by which prompts, and how a record describes it: shared by all studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope import registry
from vulnscope.ask.scored.preparation import Prepared, prepare
from vulnscope.corpora import Corpus, select
from vulnscope.corpora.check.problems import find_problems
from vulnscope.errors import InputError
from vulnscope.prompts import load_prompts
from vulnscope.records.audit import CorpusInfo, LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.ask.settings import Selection
    from vulnscope.corpora import Sample
    from vulnscope.models import Subject

UNSELECTED = "not selected by part, CWE, language or limit"
_N_EXAMPLES = 5


def check_selection(corpus: Corpus, config: Selection) -> Corpus:
    """The selected part of `corpus`; raises `InputError` where `config` cannot be carried out on it."""
    registry.resolve("protocol", config.protocol)
    load_prompts(config.prompts_file or config.protocol).keep(config.prompts)
    return select_samples(corpus, config)


def open_protocol(subject: Subject, config: Selection) -> YesNoProtocol:
    """The protocol that `config` names, with its own prompts or the user's."""
    build: type[YesNoProtocol] = registry.resolve("protocol", config.protocol)
    prompts = load_prompts(config.prompts_file or config.protocol).keep(config.prompts)
    return build(prompts, subject.tokenizer, is_chat=config.chat)


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


def prepare_selected(subject: Subject, corpus: Corpus, config: Selection, protocol: YesNoProtocol) -> Prepared:
    """What will be asked of the corpus, and what is left out for which reason."""
    selected = select_samples(corpus, config)
    labelled = [sample for sample in selected.samples if sample.label != "unlabelled"]
    unlabelled = [sample.id for sample in selected.samples if sample.label == "unlabelled"]
    prepared = prepare(protocol, labelled, subject.max_positions)
    notes = []
    if n_unselected := len(corpus.samples) - len(selected.samples):
        notes.append(LeftOut(reason=UNSELECTED, n=n_unselected))
    if unlabelled:
        notes.append(LeftOut(reason="no label", n=len(unlabelled), examples=tuple(unlabelled[:_N_EXAMPLES])))
    left_out = (*notes, *prepared.left_out)
    if not prepared.samples:
        reasons = "; ".join(f"{part.n}: {part.reason}" for part in left_out)
        raise InputError(f"corpus {corpus.name!r} leaves nothing to ask ({reasons})")
    return Prepared(prepared.samples, prepared.cuts, prepared.requests, left_out)


def describe_corpus(corpus: Corpus, samples: Sequence[Sample]) -> CorpusInfo:
    """The studied part of `corpus`; version and digest are those of the whole."""
    return CorpusInfo(
        name=corpus.name,
        version=corpus.version,
        corpus_digest=corpus.content_digest,
        n_samples=len(samples),
        n_pairs=_count_pairs(samples),
        n_groups=len({corpus.groups[sample.id] for sample in samples}),
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


def _count_pairs(samples: Sequence[Sample]) -> int:
    sides: dict[str, set[str]] = {}
    for sample in samples:
        if sample.pair_id is not None:
            sides.setdefault(sample.pair_id, set()).add(sample.label)
    return sum({"vulnerable", "fixed"} <= labels for labels in sides.values())
