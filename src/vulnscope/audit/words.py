"""The audit in words: a protocol of written or listed answers, asked of a local subject or an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vulnscope import registry
from vulnscope.ask.preparing import list_labelled, list_reasons, note_unasked
from vulnscope.ask.worded.answers_to_rows import Reader
from vulnscope.ask.worded.continuation import write_plain
from vulnscope.ask.worded.decoding import Decoding
from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, read_options
from vulnscope.ask.worded.protocols.yes_no import as_dialogues, open_yes_no
from vulnscope.ask.worded.texts import Questions, TextInquiry, gather_questions
from vulnscope.audit.answerers import AskedModel
from vulnscope.audit.figures.judgement import ProtocolInfo
from vulnscope.audit.load import weigh_words
from vulnscope.audit.ordinary import OrdinaryQuestions, load_background, narrow_prompts, question_ordinary
from vulnscope.audit.plan import AuditPlan, Ordinary, Put, Seated
from vulnscope.corpora import Corpus, Sample, select
from vulnscope.errors import InputError
from vulnscope.prompts import DialogueSet, Preset, load_dialogues, load_prompts

if TYPE_CHECKING:
    from vulnscope.audit.answerers import AskedInWords
    from vulnscope.audit.config import AuditConfig
    from vulnscope.records.audit import AuditForecast
    from vulnscope.records.endpoints import EndpointSpec

YES_NO = "yes-no"

FindFolder = Callable[[str], Path | None]


@dataclass(frozen=True)
class WordAudit(AuditPlan):
    """Every prompt about every sample, and about ordinary functions beside them."""

    questions: Questions
    reader: Reader
    ordinary: OrdinaryQuestions | None = None

    @property
    def parts(self) -> tuple[Questions, ...]:
        """The corpus, then the ordinary functions."""
        return (self.questions,) if self.ordinary is None else (self.questions, self.ordinary.questions)

    def seat(self, model: AskedModel) -> Seated:
        """`model` as it answers in words."""
        asked = model.in_words(self.config)
        return Seated(asked.digest, asked.device, lambda folder: self._put(asked, folder))

    def estimate(self, model: AskedModel | EndpointSpec, clock: Callable[[], float]) -> AuditForecast:
        """Counted from the prompts; a local model answers about one pair to be timed."""
        asked = model.in_words(self.config) if isinstance(model, AskedModel) else model
        load = weigh_words(self.parts, asked, self.config.max_new_tokens, clock)
        return self.complete_estimate(self.questions.samples, self.questions.left_out, **load)

    def _put(self, asked: AskedInWords, folder: Path) -> Put:
        memory = asked.open_memory(folder)
        ordinary = self.ordinary
        info = asked.describe([sample for part in self.parts for sample in part.samples])
        return Put(
            TextInquiry(asked.answerer, self.parts, self.reader, asked.asks_per_batch, memory),
            len(self.questions.samples),
            self.questions.left_out,
            describe_protocol(self.questions.protocol, is_chat=info.chat_template),
            lambda: info,
            None if ordinary is None else Ordinary(ordinary.code.corpus, ordinary.source),
        )


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


def plan_in_words(corpus: Corpus, config: AuditConfig, find_folder: FindFolder) -> WordAudit:
    """What `config` asks of `corpus`; raises `InputError` where that cannot be, before a model is opened."""
    dialogues, preset, opening = read_wording(config)
    selected = _select(corpus, config, preset)
    labelled = list_labelled(selected)
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
    questions = replace(questions, left_out=(*note_unasked(corpus, selected), *questions.left_out))
    if not questions.samples:
        raise InputError(f"corpus {corpus.name!r} leaves nothing to ask ({list_reasons(questions.left_out)})")
    reader = Reader(config.parser, registry.resolve("parser", config.parser), protocol.weaknesses)
    if background is None:
        return WordAudit(corpus, config, questions, reader)
    narrow = opening(replace(context, prompts=narrow_prompts(protocol)))
    return WordAudit(corpus, config, questions, reader, question_ordinary(background, narrow, questions, config))


def choose_preset(dialogues: DialogueSet, config: AuditConfig) -> Preset:
    """The preset that `config` names, else the first of the protocol, else greedy answers to all prompts."""
    if config.preset is not None:
        return dialogues.find_preset(config.preset)
    return next(iter(dialogues.presets.values()), Preset())


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
