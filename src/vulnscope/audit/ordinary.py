"""The ordinary functions that an audit asks about besides its corpus, and how protocols in words ask about them.

Only the canonical prompt is asked, with its counterpart where it has one, once and at the first temperature: nothing
else enters the figures. A prompt about a sample's own weakness has none to name here. It is asked about the weakness of
one of the vulnerable samples, drawn by seed, so that both sides hear the same questions equally often.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.ask.preparing import select_samples
from vulnscope.ask.worded.texts import Questions, gather_questions
from vulnscope.audit.figures.background import Source
from vulnscope.corpora.ordinary import OrdinaryCode, load_ordinary, rebuild_function
from vulnscope.errors import InputError

if TYPE_CHECKING:
    from vulnscope.ask.worded.protocols.base import DialogueProtocol
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.records.answers import Row
    from vulnscope.records.audit import LeftOut
    from vulnscope.records.figures import Background


class OrdinaryQuestions(NamedTuple):
    """What is asked about ordinary functions, and where they come from."""

    questions: Questions
    code: OrdinaryCode
    source: Source


def load_background(corpus: Corpus, config: AuditConfig, asked: Corpus | None = None) -> OrdinaryCode | None:
    """The ordinary functions that `config` names, in the languages of the `asked` part of `corpus`; None without.

    Raises `InputError` where nothing vulnerable is asked to hold them against.
    """
    if config.background is None:
        return None
    samples = (asked or select_samples(corpus, config)).samples
    if all(sample.label != "vulnerable" for sample in samples):
        raise InputError(
            f"--background holds ordinary code against vulnerable samples, and of corpus {corpus.name!r} none is asked"
        )
    return load_ordinary(
        Path(config.background),
        languages=sorted({sample.language for sample in samples}),
        without=[sample.code for sample in corpus.samples],
        limit=config.background_limit,
        seed=config.seed,
    )


def describe_source(code: OrdinaryCode, config: AuditConfig, left_out: Sequence[LeftOut], asked: str = "") -> Source:
    """Where `code` comes from; `left_out` are those of its functions that could not be asked about."""
    notes = tuple(f"{part.n:,} functions: {part.reason}" for part in left_out)
    return Source(config.background or "", code.corpus.content_digest, (*code.left_out, *notes), asked)


def question_ordinary(
    code: OrdinaryCode, protocol: DialogueProtocol, questions: Questions, config: AuditConfig
) -> OrdinaryQuestions:
    """What is asked about `code`, where `protocol` asks no more than is counted; `questions` are those of the corpus.

    Raises `InputError` where its canonical prompt cannot be asked about any function.
    """
    decoding = questions.decoding
    functions = code.corpus.samples
    words = f"by prompt {protocol.prompts[0]} alone"
    if protocol.is_about_own_weakness:
        functions = _lend_weaknesses(functions, questions.samples, config.seed)
        words += ", each about the weakness of one vulnerable sample of the corpus, drawn by seed"
    gathered = gather_questions(
        protocol,
        functions,
        decoding.model_copy(update={"temperatures": decoding.temperatures[:1], "repeats": 1}),
        config.seed,
    )
    if not gathered.samples:
        reasons = "; ".join(f"{part.n}: {part.reason}" for part in gathered.left_out)
        raise InputError(f"--background {config.background}: no function can be asked about ({reasons})")
    return OrdinaryQuestions(gathered, code, describe_source(code, config, gathered.left_out, words))


def narrow_prompts(protocol: DialogueProtocol) -> tuple[str, ...]:
    """The canonical prompt, and its counterpart where that is asked too."""
    canonical = protocol.prompts[0]
    counterpart = protocol.counterpart(canonical)
    return (canonical, counterpart) if counterpart in protocol.prompts and counterpart else (canonical,)


def restore_functions(rows: Sequence[Row], stored: Background | None) -> list[JudgedSample]:
    """The ordinary functions among `rows` of a finished run, without their code, which measuring does not need."""
    if stored is None:
        return []
    functions = [(sample, row) for row in rows if (sample := rebuild_function(row.sample)) is not None]
    return [JudgedSample(sample, row, sample.group_keys[0], place) for place, (sample, row) in enumerate(functions)]


def _lend_weaknesses(functions: Sequence[Sample], asked: Sequence[Sample], seed: int) -> tuple[Sample, ...]:
    """`functions`, each with the CWEs of a vulnerable sample, of its language where there is one."""
    vulnerable = [sample for sample in asked if sample.label == "vulnerable"]
    by_language: dict[str, list[Sample]] = {}
    for sample in vulnerable:
        by_language.setdefault(sample.language, []).append(sample)

    def lend(function: Sample) -> Sample:
        lenders = by_language.get(function.language, vulnerable)
        return function.model_copy(update={"cwes": random.Random(f"{seed}/{function.id}").choice(lenders).cwes})

    return tuple(map(lend, functions))
