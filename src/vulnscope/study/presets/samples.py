"""The samples of the preset: a few pairs of each of a few weaknesses, in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.corpora.samples import find_pairs
from vulnscope.errors import InputError

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.corpora.samples import Pair
    from vulnscope.study.presets.recipe import Recipe
    from vulnscope.study.presets.settings import PresetConfig


def choose_samples(corpus: Corpus, recipe: Recipe, config: PresetConfig) -> tuple[Sample, ...]:
    """The first pairs of each weakness: vulnerable and fixed in turn, pair by pair, weakness by weakness.

    Of a corpus in sections the recipe's; nowhere augmented samples. Raises `InputError` where there are too few.
    """
    plain = [
        sample for sample in corpus.samples if sample.augmentation is None and sample.part in (None, "", recipe.part)
    ]
    by_cwe: dict[str, list[Pair]] = {}
    for pair in sorted(find_pairs(plain), key=lambda pair: pair.id):
        if pair.vulnerable.cwes:
            by_cwe.setdefault(pair.vulnerable.cwes[0], []).append(pair)
    enough = sorted((cwe for cwe, pairs in by_cwe.items() if len(pairs) >= config.pairs_per_cwe), key=_by_number)
    preferred = [cwe for cwe in recipe.cwes if cwe in enough]
    chosen = (preferred + [cwe for cwe in enough if cwe not in preferred])[: config.n_cwes]
    if len(chosen) < config.n_cwes:
        raise InputError(
            f"the preset asks for {config.n_cwes} weaknesses with {config.pairs_per_cwe} pairs each; corpus "
            f"{corpus.name!r} has {len(chosen)} ({', '.join(chosen) or 'none'}). Take --corpus {recipe.corpus}"
        )
    pairs = [pair for cwe in chosen for pair in by_cwe[cwe][: config.pairs_per_cwe]]
    return tuple(sample for pair in pairs for sample in (pair.vulnerable, pair.fixed))


def _by_number(cwe: str) -> tuple[int, str]:
    digits = cwe.partition("-")[2]
    return (int(digits) if digits.isdigit() else 0, cwe)
