"""Contexts, protocols and scripted answers, shared by the tests of answers in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.ask.builders import make_corpus

from vulnscope import registry
from vulnscope.ask.asks import NO_MEMORY, Ask, BuildAsk, Place, PreparedAsk, Reply, ReplyStore
from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, read_options
from vulnscope.corpora import Sample
from vulnscope.prompts import load_dialogues

FIXTURES = Path(__file__).parents[1] / "fixtures"
FOLDERS = {"secllmholmes": FIXTURES / "secllmholmes-prompts", "cwe_catalog": FIXTURES / "catalogue"}
IN_WORDS = tuple(name for name in registry.list_names("protocol") if name != "yes-no")


def open_protocol(
    name: str,
    samples: Sequence[Sample],
    *,
    prompts: tuple[str, ...] = (),
    folders: Mapping[str, Path] = FOLDERS,
    seed: int = 0,
    **options: str,
) -> DialogueProtocol:
    """A registered protocol over `samples`, which are the whole corpus."""
    context = Context(
        dialogues=load_dialogues(name),
        corpus=make_corpus(samples),
        samples=tuple(samples),
        find_folder=folders.get,
        prompts=prompts,
        seed=seed,
    )
    opener = registry.resolve("protocol", name)
    opened: DialogueProtocol = opener(read_options(name, opener, options), context)
    return opened


class ScriptedAnswerer:
    """Says what a function of the ask says; counts how often it was asked."""

    def __init__(self, say: Callable[[Ask], str]) -> None:
        self.say = say
        self.asked: list[Place] = []

    def prepare(self, samples: Sequence[Sample], build: BuildAsk) -> list[PreparedAsk]:
        return [PreparedAsk(build(sample, 1)) for sample in samples]

    def answer(self, asks: Mapping[Place, Ask], memory: ReplyStore = NO_MEMORY) -> dict[Place, Reply]:
        self.asked.extend(asks)
        return {place: Reply(turns=(self.say(ask),)) for place, ask in asks.items()}
