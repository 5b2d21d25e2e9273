"""A subject on this machine asked in words: code cut to fit, labels scored, texts generated in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.asks import NO_MEMORY, Ask, BuildAsk, Message, Place, PreparedAsk, Reply, ReplyStore
from vulnscope.ask.labels import greedy_label, sum_by_label
from vulnscope.ask.windows import cut_to_fit, explain_too_long
from vulnscope.models import Generation, Subject, generate, score
from vulnscope.models.forward.memory_budget import is_out_of_memory
from vulnscope.models.text.plan import default_max_tokens
from vulnscope.prompts import AnswerForms, EncodedPrompt, RenderedPrompt, encode, open_chat
from vulnscope.prompts.conversations import PLAIN_STOP, Turn, render_conversation

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.corpora.code.chunks import CutCode
    from vulnscope.prompts import OpenedThought
    from vulnscope.records.rows import Truncation

# Room that an answer in words needs at least, and tokens by which rooms are rounded down so that rows run together.
_ROOM_TOKENS = 48
_STEP_TOKENS = 32
# Forms of a label are short words.
_LABEL_TOKENS = 4
_MOST_ROWS = 32
_SLACK_TOKENS = (0, 16, 64)


class _Text(NamedTuple):
    """A conversation ready for the model."""

    rendered: RenderedPrompt
    encoded: EncodedPrompt


@dataclass
class _Talk:
    """A conversation under way."""

    place: Place
    ask: Ask
    messages: tuple[Message, ...]
    reply: Reply = field(default_factory=Reply)

    @property
    def is_over(self) -> bool:
        return len(self.reply.turns) > len(self.ask.follow_ups) or not self.reply.is_finished


class LocalAnswerer:
    """A subject that scores labels and writes answers, through its chat template where it has one."""

    def __init__(
        self,
        subject: Subject,
        *,
        is_chat: bool | None = None,
        opened_thought: OpenedThought = "close",
        max_batch_tokens: int | None = None,
    ) -> None:
        """As `open_chat` takes `is_chat` and `opened_thought`, and raises."""
        self.subject = subject
        self.chat = open_chat(subject.tokenizer, is_chat, opened_thought)
        self._max_tokens = max_batch_tokens or default_max_tokens(subject)
        self._forms: dict[tuple[str, ...], AnswerForms] = {}

    @property
    def is_chat(self) -> bool:
        """Whether prompts go through the chat template."""
        return self.chat is not None

    def show(self, ask: Ask) -> str:
        """The prompt as the model sees it."""
        return self._read(ask.messages).rendered.text

    def prepare(self, samples: Sequence[Sample], build: BuildAsk) -> list[PreparedAsk]:
        """The asks about twins, or one sample, with code cut under one window where the whole does not fit."""
        whole = [PreparedAsk(build(sample, 1)) for sample in samples]
        limit = self.subject.max_positions
        if limit is None or all(self._fits(each.ask, limit) for each in whole):
            return whole
        bare = build(samples[0].model_copy(update={"code": ""}), 1)
        cut = self._cut(samples, build, limit) if self._fits(bare, limit) else []
        return cut or [replace(each, refusal=explain_too_long(limit)) for each in whole]

    def answer(self, asks: Mapping[Place, Ask], memory: ReplyStore = NO_MEMORY) -> dict[Place, Reply]:
        """A reply to each ask; `memory` hears of all at once."""
        replies = self._score({place: ask for place, ask in asks.items() if ask.scored})
        replies |= self._talk({place: ask for place, ask in asks.items() if not ask.scored})
        memory.remember(asks, replies)
        return replies

    def read_tokens(self, ask: Ask) -> tuple[int, ...]:
        """The first turn's prompt."""
        return self._read(ask.messages).encoded.token_ids

    def _read(self, messages: Sequence[Message]) -> _Text:
        turns = [Turn(message.role, message.text) for message in messages]
        rendered = render_conversation(turns, self.chat)
        return _Text(rendered, encode([rendered], self.subject.tokenizer)[0])

    def _fits(self, ask: Ask, limit: int) -> bool:
        room = _LABEL_TOKENS if ask.scored else min(ask.max_new_tokens, _ROOM_TOKENS) * (1 + len(ask.follow_ups))
        return len(self.read_tokens(ask)) + room <= limit

    def _cut(self, samples: Sequence[Sample], build: BuildAsk, limit: int) -> list[PreparedAsk]:
        """The asks about parts of the code; none where no part fits."""

        def fits(part: str, slack: int) -> bool:
            return self._fits(build(samples[0].model_copy(update={"code": part}), 1), limit - slack)

        def ask_about(pieces: Sequence[CutCode]) -> list[PreparedAsk]:
            return [
                PreparedAsk(_build_part(build, sample, piece.text, piece.cut), piece.cut)
                for sample, piece in zip(samples, pieces, strict=True)
            ]

        return cut_to_fit(samples, _SLACK_TOKENS, fits, ask_about, lambda each: self._fits(each.ask, limit))

    def _score(self, asks: Mapping[Place, Ask]) -> dict[Place, Reply]:
        """Labels scored as continuations."""
        texts = {place: self._read(ask.messages) for place, ask in asks.items()}
        forms = {
            place: self._forms_of(ask).after(texts[place].rendered, texts[place].encoded) for place, ask in asks.items()
        }
        scores = score(
            self.subject,
            [texts[place].encoded.token_ids for place in asks],
            [forms[place].sequences for place in asks],
            self._max_tokens,
        )
        return {
            place: Reply(
                label_log_probs=sum_by_label(forms[place], found),
                top_label=greedy_label(forms[place], found),
                n_prompt_tokens=len(texts[place].encoded.token_ids),
            )
            for place, found in zip(asks, scores, strict=True)
        }

    def _forms_of(self, ask: Ask) -> AnswerForms:
        key = tuple(ask.scored)
        if key not in self._forms:
            self._forms[key] = AnswerForms(ask.scored, self.subject.tokenizer)
        return self._forms[key]

    def _talk(self, asks: Mapping[Place, Ask]) -> dict[Place, Reply]:
        """Texts written turn by turn, all conversations side by side."""
        talks = [_Talk(place, ask, ask.messages) for place, ask in asks.items()]
        while open_talks := [talk for talk in talks if not talk.is_over]:
            self._take_turn(open_talks)
        return {talk.place: talk.reply for talk in talks}

    def _take_turn(self, talks: Sequence[_Talk]) -> None:
        tokens = [self._read(talk.messages).encoded.token_ids for talk in talks]
        rooms = [self._room(talk.ask, len(ids)) for talk, ids in zip(talks, tokens, strict=True)]
        for talk, room in zip(talks, rooms, strict=True):
            if room <= 0:  # earlier turns filled the context
                talk.reply = replace(talk.reply, is_finished=False)
        for key in sorted({_call_key(talk, room) for talk, room in zip(talks, rooms, strict=True) if room > 0}):
            chosen = [i for i, talk in enumerate(talks) if rooms[i] > 0 and _call_key(talk, rooms[i]) == key]
            written = self._generate([tokens[i] for i in chosen], key, [talks[i].ask.seed or 0 for i in chosen])
            for i, generation in zip(chosen, written, strict=True):
                self._hear(talks[i], generation, len(tokens[i]))

    def _room(self, ask: Ask, n_prompt_tokens: int) -> int:
        """New tokens that this turn may have; a turn that leaves others to come shares what is left."""
        limit = self.subject.max_positions
        if limit is None or limit - n_prompt_tokens >= ask.max_new_tokens * (1 + len(ask.follow_ups)):
            return ask.max_new_tokens
        left = (limit - n_prompt_tokens) // (1 + len(ask.follow_ups))
        return min(ask.max_new_tokens, left // _STEP_TOKENS * _STEP_TOKENS or left)

    def _generate(self, prompts: list[tuple[int, ...]], key: tuple[int, float], seeds: list[int]) -> list[Generation]:
        room, temperature = key
        longest = max(map(len, prompts)) + room
        rows = max(1, min(_MOST_ROWS, 4 * self._max_tokens // longest))
        while True:
            try:
                return generate(
                    self.subject,
                    prompts,
                    room,
                    temperature,
                    seeds if temperature > 0 else None,
                    stop=() if self.is_chat else (PLAIN_STOP,),
                    batch_size=rows,
                )
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or rows == 1:
                    raise
            rows = (rows + 1) // 2

    def _hear(self, talk: _Talk, generation: Generation, n_prompt_tokens: int) -> None:
        text = generation.text if self.is_chat else generation.text.partition(PLAIN_STOP)[0]
        reply = talk.reply
        talk.reply = Reply(
            turns=(*reply.turns, text),
            is_finished=generation.is_finished,
            n_prompt_tokens=reply.n_prompt_tokens or n_prompt_tokens,
            n_new_tokens=reply.n_new_tokens + len(generation.token_ids),
        )
        if len(talk.reply.turns) <= len(talk.ask.follow_ups):
            # A turn that ran out of room is gone on from: only the last one holds the verdict.
            talk.reply = replace(talk.reply, is_finished=True)
            follow_up = talk.ask.follow_ups[len(talk.reply.turns) - 1]
            talk.messages = (*talk.messages, Message("assistant", text), Message("user", follow_up))


def _call_key(talk: _Talk, room: int) -> tuple[int, float]:
    """What rows of one call have in common."""
    return room, talk.ask.temperature


def _build_part(build: BuildAsk, sample: Sample, code: str, cut: Truncation | None) -> Ask:
    return build(sample.model_copy(update={"code": code}), 1 if cut is None else cut.first_line)
