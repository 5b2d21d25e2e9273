"""What a benchmark asks: real samples where the data are at hand, synthetic ones elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vulnscope.corpora import Sample, load_corpus
from vulnscope.prompts import POLARITIES, load_prompts, render


@dataclass(frozen=True)
class Question:
    """One prompt about one sample, and the answers to score after it, as text."""

    sample: str
    context: str
    answers: tuple[str, ...]


def load_samples(data_dir: Path | None, n_samples: int, is_short: Callable[[str], bool]) -> tuple[list[Sample], str]:
    """About `n_samples` samples in whole pairs, evenly drawn from those that are short, and where they come from.

    With data these are SecLLMHolmes' hand-crafted scenarios and SVEN's validation split.
    """
    if data_dir is None:
        corpora = [load_corpus("synthetic", None, n_pairs=n_samples)]
    else:
        hand_crafted = load_corpus("secllmholmes", data_dir / "secllmholmes")
        sven = load_corpus("sven", data_dir / "sven")
        corpora = [
            hand_crafted.keep(sample for sample in hand_crafted.samples if sample.part == "hand-crafted"),
            sven.keep(sample for sample in sven.samples if sample.split == "val"),
        ]
    pairs = [
        (pair.vulnerable, pair.fixed)
        for corpus in corpora
        for pair in corpus.pairs
        if is_short(pair.vulnerable.code) and is_short(pair.fixed.code)
    ]
    n_pairs = min(len(pairs), max(1, n_samples // 2))
    chosen = [pairs[i * len(pairs) // n_pairs] for i in range(n_pairs)]
    samples = [sample for pair in chosen for sample in pair]
    counts = {corpus.name: sum(sample.corpus == corpus.name for sample in samples) for corpus in corpora}
    return samples, ", ".join(f"{count} of {name}" for name, count in counts.items() if count)


def ask_questions(samples: list[Sample]) -> list[Question]:
    """Both polarities of the three prompts of the yes-no protocol, each with six surface forms."""
    prompts = load_prompts("yes-no")
    answers = tuple(form for forms in prompts.answers.values() for form in forms)
    return [
        Question(sample.id, render(prompts, prompt, polarity, language=sample.language, code=sample.code).text, answers)
        for sample in samples
        for prompt in prompts.prompts
        for polarity in POLARITIES
    ]
