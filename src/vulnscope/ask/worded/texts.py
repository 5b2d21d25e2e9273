"""Asking in words: samples in batches of whole pairs, a row per sample, resumable.

The plan holds which samples run together and is stored before the first row. A batch is on the disk whole or is asked
again; what an endpoint has answered of it already lies in the run's journal (`ReplyJournal`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from vulnscope.ask.asks import Answerer, Ask, Place, PreparedAsk, Reply
from vulnscope.ask.windows import list_units
from vulnscope.ask.worded.decoding import Decoding, derive_seed
from vulnscope.ask.worded.protocols.base import DialogueProtocol
from vulnscope.ask.worded.reading import Reader, make_row
from vulnscope.errors import RunError
from vulnscope.records.answers import AnswerRow
from vulnscope.records.audit import LeftOut
from vulnscope.records.base import Record, digest_text

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.store import Run

Progress = Callable[[int, int], None]
_EXAMPLES = 5


class TextPlan(Record):
    """What a run stores before its first row: samples by batch, and a digest of everything that is asked of them."""

    requests_digest: str
    batches: tuple[tuple[str, ...], ...]


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
        left_out=tuple(
            LeftOut(reason=reason, n=len(ids), examples=tuple(ids[:_EXAMPLES])) for reason, ids in refused.items()
        ),
        seed=seed,
    )


def ask_texts(
    answerer: Answerer,
    questions: Questions,
    reader: Reader,
    run: Run,
    *,
    asks_per_batch: int,
    ordinary: Questions | None = None,
    intervention: str = "none",
    progress: Progress | None = None,
) -> tuple[AnswerRow, ...]:
    """One row per sample of `questions`, then of `ordinary`, in their order; what `run` holds is not asked again.

    `progress` receives (rows done, rows in all) before each batch and at the end. Raises `RunError` where `run` was
    begun with other requests.
    """
    parts = [questions] if ordinary is None else [questions, ordinary]
    plan = _agree_on_plan(parts, run, asks_per_batch)
    owners = {sample.id: (part, sample) for part in parts for sample in part.samples}
    n_done = run.n_rows
    for batch in plan.batches[run.n_batches :]:
        if progress is not None:
            progress(n_done, len(owners))
        part, _ = owners[batch[0]]
        asked = [owners[sample_id][1] for sample_id in batch]
        run.append(_ask_batch(answerer, part, asked, reader, intervention))
        n_done += len(batch)
    if progress is not None:
        progress(len(owners), len(owners))
    rows = {row["sample"]: AnswerRow.model_validate(row) for row in run.iter_rows()}
    return tuple(rows[sample_id] for sample_id in owners)


def _ask_batch(
    answerer: Answerer, questions: Questions, samples: Sequence[Sample], reader: Reader, intervention: str
) -> list[AnswerRow]:
    protocol = questions.protocol
    prepared = prepare_asks(answerer, questions, samples)
    replies = answer_prepared(answerer, prepared)
    return [
        make_row(
            sample,
            [reader.read(sample, prepared[place], replies[place]) for place in _places(sample.id, prepared)],
            protocol=protocol.name,
            parser=reader.name,
            counterpart=protocol.counterpart(protocol.prompts[0]),
            intervention=intervention,
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


def answer_prepared(answerer: Answerer, prepared: dict[Place, PreparedAsk]) -> dict[Place, Reply]:
    """A reply to each; an empty one where the ask does not fit the model."""
    asked = {place: each.ask for place, each in prepared.items() if not each.refusal}
    replies = answerer.answer(asked)
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
    drawn = len(questions.decoding.temperatures) * questions.decoding.repeats
    return sum(1 if questions.protocol.is_scored(name) else drawn for name in questions.prompts_of(sample))


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


def _agree_on_plan(parts: Sequence[Questions], run: Run, asks_per_batch: int) -> TextPlan:
    """The plan that `run` holds, or a new one, stored."""
    digest = _digest(parts)
    if run.plan is None:
        batches = tuple(batch for part in parts for batch in batch_units(part, asks_per_batch))
        plan = TextPlan(requests_digest=digest, batches=batches)
        run.save_plan(plan)
        return plan
    stored = TextPlan.model_validate(run.plan)
    if stored.requests_digest != digest:
        raise RunError(
            f"run {run.id} was begun with other prompts, samples or settings than these; "
            "restore what changed, or start a new run without --resume"
        )
    return stored


def _digest(parts: Sequence[Questions]) -> str:
    """Over what is sent: every prompt about every sample, whole, and the decoding."""
    digest = sha256()
    for questions in parts:
        digest.update(questions.decoding.to_json().encode())
        for sample in questions.samples:
            for name in questions.prompts_of(sample):
                ask = questions.protocol.build(sample, name)
                digest.update(digest_text(f"{sample.id}\0{ask!r}").encode())
    return digest.hexdigest()[:16]
