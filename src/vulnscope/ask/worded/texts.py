"""Questions in words put to a subject or an endpoint: samples in batches of whole pairs, a row per sample.

What an endpoint has answered of a batch that broke off is remembered (`ReplyJournal`) and not asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vulnscope.ask.asking import Inquiry, Plan
from vulnscope.ask.asks import NO_MEMORY, Answerer, Ask, Place, PreparedAsk, Reply, ReplyStore
from vulnscope.ask.windows import list_units, note_left_out
from vulnscope.ask.worded.decoding import Decoding, derive_seed
from vulnscope.ask.worded.protocols.base import DialogueProtocol
from vulnscope.ask.worded.reading import Reader, make_row
from vulnscope.records.answers import AnswerRow
from vulnscope.records.base import Record, digest_text

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.records.audit import LeftOut


class TextPlan(Plan):
    """Ids of the samples of each batch."""

    batches: tuple[tuple[str, ...], ...]

    @property
    def n_batches(self) -> int:
        """How many batches there are."""
        return len(self.batches)


@dataclass(frozen=True)
class Questions:
    """A protocol with its decoding over the samples it can be asked about."""

    protocol: DialogueProtocol
    decoding: Decoding
    samples: tuple[Sample, ...]
    left_out: tuple[LeftOut, ...]
    seed: int = 0

    def prompts_of(self, sample: Sample) -> tuple[str, ...]:
        """The prompts that can be asked about `sample`, canonical first."""
        return tuple(name for name in self.protocol.prompts if not self.protocol.misses(sample, name))

    def count_repeats(self, prompt: str) -> int:
        """How often `prompt` is answered per sample; scored ones once."""
        drawn = len(self.decoding.temperatures) * self.decoding.repeats
        return 1 if self.protocol.is_scored(prompt) else drawn


def gather_questions(
    protocol: DialogueProtocol, samples: Sequence[Sample], decoding: Decoding, seed: int = 0
) -> Questions:
    """What can be asked about `samples`. Left out, with reasons: examples, code that is no text, canonical prompt."""
    refused: dict[str, list[str]] = {}
    kept = set()
    for unit in list_units(samples, refused):
        for sample in unit:
            if sample.id in protocol.example_ids:
                refused.setdefault("in the group shown as examples", []).append(sample.id)
                continue
            misses = {name: protocol.misses(sample, name) for name in protocol.prompts}
            for reason in filter(None, misses.values()):
                refused.setdefault(reason, []).append(sample.id)
            if not misses[protocol.prompts[0]]:
                kept.add(sample.id)
    return Questions(
        protocol=protocol,
        decoding=decoding,
        samples=tuple(sample for sample in samples if sample.id in kept),
        left_out=note_left_out(refused),
        seed=seed,
    )


@dataclass(frozen=True)
class TextInquiry(Inquiry[TextPlan, AnswerRow]):
    """Questions, one or more protocols over samples of their own, whose answers `reader` reads."""

    answerer: Answerer
    parts: tuple[Questions, ...]
    reader: Reader
    asks_per_batch: int
    memory: ReplyStore = field(default=NO_MEMORY)

    plan_type = TextPlan
    row_type = AnswerRow
    what = "prompts, samples or settings"

    @cached_property
    def _owners(self) -> dict[str, tuple[Questions, Sample]]:
        return {sample.id: (part, sample) for part in self.parts for sample in part.samples}

    @property
    def samples(self) -> Sequence[Sample]:
        """Those of all parts, in order."""
        return [sample for part in self.parts for sample in part.samples]

    def digest(self) -> str:
        """Over every prompt about every sample, whole, and the decoding."""
        digest = sha256()
        for part in self.parts:
            digest.update(part.decoding.to_json().encode())
            for sample in part.samples:
                for name in part.prompts_of(sample):
                    ask = part.protocol.build(sample, name)
                    digest.update(digest_text(f"{sample.id}\0{ask!r}").encode())
        return digest.hexdigest()[:16]

    def plan(self, digest: str) -> TextPlan:
        """Batches of about `asks_per_batch`; none holds samples of two parts."""
        batches = tuple(batch for part in self.parts for batch in batch_units(part, self.asks_per_batch))
        return TextPlan(requests_digest=digest, batches=batches)

    def ask_batch(
        self, plan: TextPlan, number: int, revisions: Sequence[dict[str, Any]], revise: Callable[[Record], None]
    ) -> list[AnswerRow]:
        """The rows of one batch; nothing of it is planned anew."""
        del revisions, revise
        batch = plan.batches[number]
        questions, _ = self._owners[batch[0]]
        samples = [self._owners[sample_id][1] for sample_id in batch]
        protocol = questions.protocol
        prepared = prepare_asks(self.answerer, questions, samples)
        replies = answer_prepared(self.answerer, prepared, self.memory)
        return [
            make_row(
                sample,
                [self.reader.read(sample, prepared[place], replies[place]) for place in _places(sample.id, prepared)],
                protocol=protocol.name,
                parser=self.reader.name,
                counterpart=protocol.counterpart(protocol.prompts[0]),
            )
            for sample in samples
        ]


def prepare_asks(answerer: Answerer, questions: Questions, samples: Sequence[Sample]) -> dict[Place, PreparedAsk]:
    """Every ask about `samples`, fitted to what the model reads, by sample and number; canonical first."""
    prepared: dict[Place, PreparedAsk] = {}
    for unit in list_units(samples, {}):
        by_prompt: dict[str, dict[str, PreparedAsk]] = {}
        for name in questions.protocol.prompts:
            asked = [sample for sample in unit if name in questions.prompts_of(sample)]
            made = answerer.prepare(asked, _builder(questions, name)) if asked else []
            by_prompt[name] = {sample.id: each for sample, each in zip(asked, made, strict=True)}
        for sample in unit:
            numbered = enumerate(_decoded(questions, sample, by_prompt))
            prepared.update(((sample.id, number), each) for number, each in numbered)
    return prepared


def answer_prepared(
    answerer: Answerer, prepared: dict[Place, PreparedAsk], memory: ReplyStore = NO_MEMORY
) -> dict[Place, Reply]:
    """A reply to each, remembered ones first; an empty one where the ask does not fit the model."""
    asked = {place: each.ask for place, each in prepared.items() if not each.refusal}
    replies = memory.complete(asked, lambda missing: answerer.answer(missing, memory))
    return {place: replies.get(place, Reply()) for place in prepared}


def batch_units(questions: Questions, asks_per_batch: int) -> Iterator[tuple[str, ...]]:
    """Sample ids in batches of about so many asks; twins stay together."""
    batch: list[str] = []
    n_asks = 0
    for unit in list_units(questions.samples, {}):
        batch.extend(sample.id for sample in unit)
        n_asks += sum(count_asks(questions, sample) for sample in unit)
        if n_asks >= asks_per_batch:
            yield tuple(batch)
            batch, n_asks = [], 0
    if batch:
        yield tuple(batch)


def count_asks(questions: Questions, sample: Sample) -> int:
    """How many answers a row about `sample` holds."""
    return sum(map(questions.count_repeats, questions.prompts_of(sample)))


def _builder(questions: Questions, prompt: str) -> Callable[[Sample, int], Ask]:
    return lambda sample, first_line: replace(
        questions.protocol.build(sample, prompt, first_line), max_new_tokens=questions.decoding.max_new_tokens
    )


def _decoded(
    questions: Questions, sample: Sample, by_prompt: dict[str, dict[str, PreparedAsk]]
) -> Iterator[PreparedAsk]:
    """Each prompt at every temperature and repeat; scored ones once."""
    decoding = questions.decoding
    for name in questions.prompts_of(sample):
        made = by_prompt[name][sample.id]
        if made.ask.scored:
            yield made
            continue
        for temperature in decoding.temperatures:
            for repeat in range(decoding.repeats):
                seed = derive_seed(questions.seed, sample.id, name, temperature, repeat)
                yield replace(made, ask=replace(made.ask, temperature=temperature, repeat=repeat, seed=seed))


def _places(sample_id: str, prepared: Iterable[Place]) -> list[Place]:
    return sorted(place for place in prepared if place[0] == sample_id)
