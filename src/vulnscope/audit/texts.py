"""The audit in words: a protocol of written or listed answers, asked of a local subject or an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vulnscope import registry
from vulnscope.ask.selection import UNSELECTED
from vulnscope.ask.worded.continuation import write_plain
from vulnscope.ask.worded.decoding import Decoding
from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, read_options
from vulnscope.ask.worded.protocols.yes_no import as_dialogues, open_yes_no
from vulnscope.ask.worded.reading import Reader
from vulnscope.ask.worded.texts import Progress, Questions, ask_texts, gather_questions
from vulnscope.audit.ordinary import OrdinaryQuestions, load_background, narrow_prompts, question_ordinary
from vulnscope.audit.record import Asked, Beside, ProtocolInfo, join_items, make_record
from vulnscope.corpora import Corpus, Sample, select
from vulnscope.errors import InputError
from vulnscope.prompts import DialogueSet, Preset, load_dialogues, load_prompts
from vulnscope.records.audit import AuditRecord, LeftOut, SubjectInfo

if TYPE_CHECKING:
    from vulnscope.ask.asks import Answerer
    from vulnscope.audit.config import AuditConfig
    from vulnscope.store import Run

YES_NO = "yes-no"
_N_EXAMPLES = 5

FindFolder = Callable[[str], Path | None]


class TextAudit(NamedTuple):
    """Everything that is asked, before any model is opened."""

    questions: Questions
    reader: Reader
    corpus: Corpus
    """The whole corpus: groups and baselines go by it."""
    ordinary: OrdinaryQuestions | None = None

    @property
    def protocol(self) -> DialogueProtocol:
        """The protocol that is asked."""
        return self.questions.protocol


class Wording(NamedTuple):
    """What is asked, as far as it does not depend on a corpus."""

    dialogues: DialogueSet
    preset: Preset
    opening: Callable[[Context], DialogueProtocol]


def is_in_words(config: AuditConfig, *, is_remote: bool) -> bool:
    """Whether answers are written or listed: every protocol but `yes-no` on a local model, which reads its tokens."""
    return is_remote or config.protocol != YES_NO


def read_wording(config: AuditConfig) -> Wording:
    """The wording of `config`; raises `InputError` where it names a protocol, option, prompt, preset or parser that is
    none, listing the choices.
    """
    registry.resolve("parser", config.parser)
    opener = registry.resolve("protocol", config.protocol)
    options = dict(config.protocol_options)
    if config.protocol == YES_NO:
        prompts = load_prompts(config.prompts_file or YES_NO)
        dialogues = as_dialogues(prompts)
        opening = partial(open_yes_no, prompts, read_options(YES_NO, open_yes_no, options))
    else:
        dialogues = load_dialogues(config.prompts_file or config.protocol)
        opening = partial(opener, read_options(config.protocol, opener, options))
    for name in config.prompts:
        dialogues.find(name)
    return Wording(dialogues, choose_preset(dialogues, config), opening)


def plan_text_audit(corpus: Corpus, config: AuditConfig, find_folder: FindFolder) -> TextAudit:
    """What `config` asks of `corpus`; raises `InputError` where that cannot be, before a model is opened."""
    dialogues, preset, opening = read_wording(config)
    selected = _select(corpus, config, preset)
    labelled = tuple(sample for sample in selected.samples if sample.label != "unlabelled")
    context = Context(
        dialogues=dialogues,
        corpus=corpus,
        samples=labelled,
        find_folder=find_folder,
        prompts=config.prompts or preset.prompts,
        seed=config.seed,
    )
    background = load_background(corpus, config, selected)
    protocol = opening(context)
    decoding = Decoding(
        temperatures=config.temperatures or preset.temperatures,
        repeats=config.repeats or preset.repeats,
        max_new_tokens=config.max_new_tokens,
    )
    questions = gather_questions(protocol, labelled, decoding, config.seed)
    notes = _note_unasked(corpus, selected)
    questions = replace(questions, left_out=(*notes, *questions.left_out))
    if not questions.samples:
        reasons = "; ".join(f"{part.n}: {part.reason}" for part in questions.left_out)
        raise InputError(f"corpus {corpus.name!r} leaves nothing to ask ({reasons})")
    reader = Reader(config.parser, registry.resolve("parser", config.parser), protocol.weaknesses)
    if background is None:
        return TextAudit(questions, reader, corpus)
    narrow = opening(replace(context, prompts=narrow_prompts(protocol)))
    return TextAudit(questions, reader, corpus, question_ordinary(background, narrow, questions, config))


def choose_preset(dialogues: DialogueSet, config: AuditConfig) -> Preset:
    """The preset that `config` names, else the first of the protocol, else greedy answers to all prompts."""
    if config.preset is not None:
        return dialogues.find_preset(config.preset)
    return next(iter(dialogues.presets.values()), Preset())


def run_text_audit(
    answerer: Answerer,
    subject: SubjectInfo,
    audit: TextAudit,
    config: AuditConfig,
    run: Run,
    *,
    asks_per_batch: int,
    baseline_corpus: Corpus | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> AuditRecord:
    """What the model behind `answerer` says; rows already in `run` are not asked again. The caller writes it."""
    questions = audit.questions
    ordinary = audit.ordinary
    rows = ask_texts(
        answerer,
        questions,
        audit.reader,
        run,
        asks_per_batch=asks_per_batch,
        ordinary=None if ordinary is None else ordinary.questions,
        progress=progress,
    )
    n_asked = len(questions.samples)
    beside = None
    if ordinary is not None:
        functions = join_items(ordinary.questions.samples, rows[n_asked:], ordinary.code.corpus)
        beside = Beside(functions, ordinary.source)
    return make_record(
        Asked(questions.samples, rows[:n_asked], questions.left_out),
        subject,
        describe_protocol(audit.protocol, is_chat=subject.chat_template),
        audit.corpus,
        config,
        run,
        baseline_corpus=baseline_corpus,
        beside=beside,
        command=command,
    )


def describe_protocol(protocol: DialogueProtocol, *, is_chat: bool) -> ProtocolInfo:
    """Name, prompts, and the canonical prompt around an ellipsis: its messages, or the text without a template."""
    cwes = ("CWE-…",) if protocol.is_about_own_weakness else ()
    blank = Sample(id="…", corpus="…", language="…", label="unlabelled", cwes=cwes, code="…")
    ask = protocol.build(blank, protocol.prompts[0])
    messages = "\n\n".join(f"[{message.role}]\n{message.text}" for message in ask.messages)
    shown = messages if is_chat else write_plain(ask)
    return ProtocolInfo(protocol.name, protocol.prompts, shown)


def _select(corpus: Corpus, config: AuditConfig, preset: Preset) -> Corpus:
    present = {sample.part for sample in corpus.samples}
    parts = config.parts or tuple(part for part in preset.parts if part in present)
    whole = select(corpus, cwes=config.cwes, languages=config.languages, parts=parts)
    if config.limit is None:
        return whole
    selected = select(
        corpus, cwes=config.cwes, languages=config.languages, parts=parts, limit=config.limit, seed=config.seed
    )
    if config.preset is not None and _has_changes(whole) and not _has_changes(selected):
        raise InputError(
            f"--limit {config.limit} leaves no changed sample beside its original, which preset {config.preset} "
            "compares; raise it, or narrow the corpus with --cwe"
        )
    return selected


def _has_changes(corpus: Corpus) -> bool:
    """Whether any sample is a change of another."""
    known = {sample.id for sample in corpus.samples}
    return any(sample.augmentation is not None and sample.augmentation.base_id in known for sample in corpus.samples)


def _note_unasked(corpus: Corpus, selected: Corpus) -> tuple[LeftOut, ...]:
    notes = []
    if n_unselected := len(corpus.samples) - len(selected.samples):
        notes.append(LeftOut(reason=UNSELECTED, n=n_unselected))
    unlabelled = [sample.id for sample in selected.samples if sample.label == "unlabelled"]
    if unlabelled:
        notes.append(LeftOut(reason="no label", n=len(unlabelled), examples=tuple(unlabelled[:_N_EXAMPLES])))
    return tuple(notes)
