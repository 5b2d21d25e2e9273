"""Parts of a corpus by CWE, language and number, pairs kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vulnscope.corpora.splits import hash_group
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import InputError

if TYPE_CHECKING:
    from vulnscope.corpora.corpus import Corpus
    from vulnscope.corpora.samples import Sample

Unit = tuple["Sample", ...]


def select(
    corpus: Corpus,
    *,
    cwes: Sequence[str] = (),
    languages: Sequence[str] = (),
    parts: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
) -> Corpus:
    """The samples with any of `cwes`, `languages` and `parts` (empty: all), at most `limit` of them, in corpus order.

    A pair stays or goes whole; it stays where either twin matches. Under a limit the groups take turns, in the order of
    their hashes with `seed`, each giving its next pair or unpaired sample, so that few samples still cover many groups.
    Raises `InputError` where nothing is left, or some of `parts` are unknown, naming what the corpus holds.
    """
    present = {sample.part for sample in corpus.samples if sample.part}
    if present.intersection(parts) and (unknown := sorted(set(parts) - present)):
        raise InputError(f"corpus {corpus.name!r} has no part {unknown[0]!r}; its parts: {', '.join(sorted(present))}")
    wanted_cwes = {normalise_cwe(cwe) for cwe in cwes}
    wanted_languages = {language.lower() for language in languages}
    units = [
        unit
        for unit in _units(corpus)
        if (not wanted_cwes or any(wanted_cwes.intersection(sample.cwes) for sample in unit))
        and (not wanted_languages or any(sample.language in wanted_languages for sample in unit))
        and (not parts or any(sample.part in parts for sample in unit))
    ]
    if not units:
        raise InputError(_explain_nothing(corpus, wanted_cwes, wanted_languages, parts))
    if limit is not None:
        units = _draw(corpus, units, limit, seed)
    if not units:
        raise InputError(f"a limit of {limit} leaves nothing of corpus {corpus.name!r}, since pairs stay whole")
    kept = {sample.id for unit in units for sample in unit}
    return corpus.keep(sample for sample in corpus.samples if sample.id in kept)


def _units(corpus: Corpus) -> list[Unit]:
    """Pairs and unpaired samples, in order of first appearance."""
    units: dict[str, list[Sample]] = {}
    for sample in corpus.samples:
        key = f"sample:{sample.id}" if sample.pair_id is None else f"pair:{sample.pair_id}"
        units.setdefault(key, []).append(sample)
    return [tuple(unit) for unit in units.values()]


def _draw(corpus: Corpus, units: Iterable[Unit], limit: int, seed: int) -> list[Unit]:
    queues: dict[str, list[Unit]] = {}
    for unit in units:
        queues.setdefault(corpus.groups[unit[0].id], []).append(unit)
    order = sorted(queues, key=lambda group: hash_group(group, seed))
    turns = max(len(queue) for queue in queues.values())
    drawn: list[Unit] = []
    left = limit
    for turn in range(turns):
        for group in order:
            if turn < len(queues[group]) and len(queues[group][turn]) <= left:
                drawn.append(queues[group][turn])
                left -= len(queues[group][turn])
    return drawn


def _explain_nothing(corpus: Corpus, cwes: set[str], languages: set[str], parts: Sequence[str]) -> str:
    """What was asked for, and for each kind asked for what there is."""
    present = {
        "CWE": sorted({cwe for sample in corpus.samples for cwe in sample.cwes}, key=lambda cwe: int(cwe[4:])),
        "language": sorted({sample.language for sample in corpus.samples}),
        "part": sorted({sample.part for sample in corpus.samples if sample.part is not None}),
    }
    wanted = {"CWE": sorted(cwes), "language": sorted(languages), "part": list(dict.fromkeys(parts))}
    wanted = {kind: values for kind, values in wanted.items() if values}
    if not wanted:
        return f"corpus {corpus.name!r} holds nothing"
    asked = " and ".join(f"{'' if kind == 'CWE' else f'{kind} '}{' or '.join(wanted[kind])}" for kind in wanted)
    choices = "; ".join(f"its {kind}s: {', '.join(present[kind]) or 'none'}" for kind in wanted)
    is_there = all(set(values) & set(present[kind]) for kind, values in wanted.items())
    together = ", each of which it has, but not together" if is_there else ""
    return f"corpus {corpus.name!r} holds nothing for {asked}{together}; {choices}"
