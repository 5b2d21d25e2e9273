"""Applying transformations to samples and corpora, each result checked before it counts.

Checked is what each kind promises: white space and comments leave the same tokens, new names leave the same tokens but
for those names, and no kind makes code that the parser, or Python's own parser, reads less of than before.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from textwrap import dedent
from typing import TYPE_CHECKING

from vulnscope.corpora.code.syntax import text_of
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.groups import SEALED
from vulnscope.corpora.samples import Augmentation, Sample
from vulnscope.corpora.tables.assembly import Row
from vulnscope.corpora.transformations.source import (
    Source,
    TransformError,
    apply_edits,
    count_errors,
    find_prefix,
    leaves,
    map_lines,
    read_source,
)
from vulnscope.errors import InputError
from vulnscope.records.corpus import BadRow
from vulnscope.registry import list_names, resolve

if TYPE_CHECKING:
    from tree_sitter import Node

    from vulnscope.corpora.transformations.source import Transformation

MARK = "~"
"""Between the id of a sample and the kind of its variant."""

_JOIN = "+"
_SAME_TOKENS = ("comments", "strip-comments", "whitespace")
_SAME_TYPES = ("rename", "misleading")


def transform(sample: Sample, kinds: Sequence[str], seed: int = 0, *, others: Sequence[str] = ()) -> Sample:
    """The variant of `sample` by `kinds`, one after the other; label, CWE, split and group stay.

    Its id is `ID~KINDS`, its pair `PAIR~KINDS`; it names its base in `augmentation`. Twins get the same edits where
    their code agrees. New names avoid the words of `others`, such as the twin's code. Raises `TransformError` where
    the sample cannot be transformed, `InputError` on an unknown kind.
    """
    if not kinds:
        raise InputError(f"no transformation given; choose from: {', '.join(list_names('transformation'))}")
    prefix = find_prefix(sample.code, sample.language)
    code, lines = prefix + sample.code, sample.changed_lines
    for kind in kinds:
        source = read_source(code, sample.language, f"{seed}/{kind}/{sample.pair_id or sample.id}", others)
        make: Transformation = resolve("transformation", kind)
        edits = make(source)
        lines = map_lines(source.code, edits, lines)
        changed = apply_edits(source.code, edits).decode("utf-8")
        _check(kind, source, changed)
        if not changed.startswith(prefix):
            raise TransformError(f"{kind}: the result would not begin as an excerpt of C must")
        code = changed
    name = _JOIN.join(kinds)
    return sample.model_copy(
        update={
            "id": f"{sample.id}{MARK}{name}",
            "code": code.removeprefix(prefix),
            "pair_id": None if sample.pair_id is None else f"{sample.pair_id}{MARK}{name}",
            "group_keys": (*sample.group_keys, f"sample:{sample.id}"),
            "augmentation": Augmentation(kind=name, base_id=sample.id, version=f"seed {seed}"),
            "changed_lines": lines,
        }
    )


def augment(corpus: Corpus, kinds: Sequence[str], seed: int = 0) -> Corpus:
    """`corpus` followed by one variant per sample and kind; a kind may be several, as in "rename+comments".

    What cannot be transformed is a reported row with its reason. Variants of twins are a pair of their own; where one
    twin cannot be transformed, neither is. A variant is in its base's group. Variants that the corpus came with are
    not transformed again.
    """
    for kind in kinds:
        for part in kind.split(_JOIN):
            resolve("transformation", part)
    rows = [row for kind in dict.fromkeys(kinds) for row in _make_rows(corpus, kind, seed)]
    made = tuple(sample for row in rows for sample in row.samples)
    bad = tuple(BadRow(path=row.path, reason=row.problem) for row in rows if row.problem is not None)
    if not made:
        reason = bad[0].reason if bad else "it has no samples of its own to transform"
        raise InputError(f"corpus {corpus.name!r}: nothing could be transformed by {', '.join(kinds)}: {reason}")
    return Corpus(
        name=corpus.name,
        version=corpus.version,
        samples=(*corpus.samples, *made),
        bad_rows=(*corpus.bad_rows, *bad),
        n_rows_in=corpus.n_rows_in + len(rows),
        n_rows_out=corpus.n_rows_out + len(rows) - len(bad),
        options={**corpus.options, "transform": ",".join(kinds), "transform_seed": seed},
    )


def _make_rows(corpus: Corpus, kind: str, seed: int) -> Iterator[Row]:
    """One row per sample or, for twins, per pair."""
    twins = {sample.id: pair for pair in corpus.pairs for sample in (pair.vulnerable, pair.fixed)}
    for sample in corpus.samples:
        if sample.augmentation is not None:
            continue
        pair = twins.get(sample.id)
        members = (sample,) if pair is None else (pair.vulnerable, pair.fixed)
        if sample != members[0]:
            continue
        codes = [member.code for member in members]
        try:
            made = tuple(
                _seal(transform(member, kind.split(_JOIN), seed, others=codes), corpus.groups[member.id])
                for member in members
            )
        except TransformError as error:
            yield Row(f"{sample.id}{MARK}{kind}", None, problem=f"not transformed: {error}")
        else:
            yield Row(f"{sample.id}{MARK}{kind}", None, made)


def _seal(sample: Sample, group: str) -> Sample:
    """The sample with its base's group, which holds for any selection."""
    key = SEALED + group
    kept = tuple(other for other in sample.group_keys if not other.startswith("sample:"))
    return sample.model_copy(update={"group_keys": kept if key in kept else (*kept, key)})


def _check(kind: str, source: Source, changed: str) -> None:
    """Raise `TransformError` where the result is not what `kind` promises."""
    after = read_source(changed, source.language, source.key)
    if count_errors(after.root) > count_errors(source.root):
        raise TransformError(f"{kind}: the result would not parse")
    if kind in _SAME_TOKENS and _tokens(source.root) != _tokens(after.root):
        raise TransformError(f"{kind}: the result would not have the same tokens")
    if kind in _SAME_TYPES and _types(source.root) != _types(after.root):
        raise TransformError(f"{kind}: the result would not have the same structure")
    if source.language == "python":
        _check_python(kind, source.code.decode("utf-8"), changed)


def _check_python(kind: str, before: str, after: str) -> None:
    """Code that Python reads must still be read, and as the same program where only comments and space changed."""
    tree = _parse_python(before)
    if tree is None:
        return
    changed = _parse_python(after)
    if changed is None:
        raise TransformError(f"{kind}: Python would not parse the result")
    if kind in _SAME_TOKENS and ast.dump(tree) != ast.dump(changed):
        raise TransformError(f"{kind}: the result would be another program")


def _parse_python(code: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return ast.parse(dedent(code))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _tokens(root: Node) -> list[str]:
    return [text_of(node) for node in leaves(root) if node.type != "comment" and text_of(node).strip()]


def _types(root: Node) -> list[str]:
    return [node.type for node in leaves(root)]
