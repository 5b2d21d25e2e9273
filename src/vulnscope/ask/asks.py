"""What is asked of a model in words, and what comes back; the same for a local model and an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

from vulnscope.records.answers import Expectation

if TYPE_CHECKING:
    from vulnscope.corpora import Sample
    from vulnscope.records.rows import Truncation

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class Ask:
    """One prompt about one sample: what is sent, and the form the answer should have.

    `plain` is the whole text for a model that only goes on with texts; "" puts `messages` under headings.
    `follow_ups` are further user turns, each sent after the answer to the one before. With `scored` the labels of
    `expects.options` (or yes and no) are scored as continuations, where the subject can; nothing is written then.
    """

    prompt: str
    messages: tuple[Message, ...]
    expects: Expectation
    plain: str = ""
    follow_ups: tuple[str, ...] = ()
    scored: Mapping[str, Sequence[str]] = field(default_factory=dict)
    max_new_tokens: int = 512
    repeat: int = 0
    temperature: float = 0.0
    seed: int | None = None


@dataclass(frozen=True)
class Reply:
    """What came back. `label_log_probs` holds the log-probability of each label where labels were scored.

    `top_label` is the label greedy decoding begins with, "" where it begins with none. `refusal` is why nothing was
    asked, such as a prompt longer than the model reads. `is_declined`: the server says that the model declined.
    """

    turns: tuple[str, ...] = ()
    is_finished: bool = True
    label_log_probs: Mapping[str, float] | None = None
    top_label: str = ""
    n_prompt_tokens: int = 0
    n_new_tokens: int = 0
    refusal: str = ""
    is_declined: bool = False
    has_impossible: bool = False
    """Whether the server gave log-probabilities that cannot be, so that the text was read."""


@dataclass(frozen=True)
class PreparedAsk:
    """An ask with the code as this subject can read it: cut where the whole is too long."""

    ask: Ask
    cut: Truncation | None = None
    refusal: str = ""


BuildAsk = Callable[["Sample", int], Ask]
"""Makes the ask about a sample whose code begins at this line of its file."""
Place = tuple[str, int]
"""A sample's id and the number of one of its asks."""
K = TypeVar("K")
Q = TypeVar("Q")
A = TypeVar("A")


class Memory(Generic[K, Q, A]):
    """Answers that came before, by place and question; this one keeps none."""

    def recall(self, asked: Mapping[K, Q]) -> dict[K, A]:
        """Whole answers to those of `asked` that are known."""
        del asked
        return {}

    def recall_begun(self, place: K, question: Q) -> A | None:
        """What came of a conversation that broke off."""
        del place, question
        return None

    def remember(self, asked: Mapping[K, Q], answers: Mapping[K, A], *, is_whole: bool = True) -> None:
        """Keep `answers`, all or none. Where not `is_whole`, their conversations still go on."""

    def complete(self, asked: Mapping[K, Q], answer: Callable[[Mapping[K, Q]], Mapping[K, A]]) -> dict[K, A]:
        """An answer to each of `asked`: known ones, and those of `answer` to the others."""
        known = self.recall(asked)
        return {**known, **answer({place: question for place, question in asked.items() if place not in known})}


ReplyStore = Memory[Place, Ask, Reply]
NO_MEMORY: Memory[Any, Any, Any] = Memory()


class Answerer(Protocol):
    """A model that can be asked: a local subject or an endpoint."""

    def prepare(self, samples: Sequence[Sample], build: BuildAsk) -> list[PreparedAsk]:
        """The asks that `build` makes about twins, or about one sample, fitted to what the model reads."""
        ...

    def answer(self, asks: Mapping[Place, Ask], memory: ReplyStore = NO_MEMORY) -> dict[Place, Reply]:
        """A reply to each ask; `memory` hears of each before anything else is asked, and of turns that came before."""
        ...


def read_reply(value: Any) -> Reply:
    """A reply as `as_plain` wrote it."""
    return Reply(**{**value, "turns": tuple(value["turns"])})


def as_plain(reply: Reply) -> dict[str, Any]:
    """A reply as JSON values."""
    return asdict(reply)
