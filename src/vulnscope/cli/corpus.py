"""`vulnscope corpus`: list, show, count, get and check corpora."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from vulnscope.cli.common import print_json, print_note, stdout
from vulnscope.cli.options import (
    Cwe,
    DataDir,
    Json,
    Language,
    Limit,
    LoaderOption,
    Part,
    SkipBad,
    parse_options,
)
from vulnscope.errors import InputError
from vulnscope.records.corpus import CorpusEntry, CorpusListing, CorpusStats
from vulnscope.registry import list_names, resolve

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus, Pair, Sample

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A corpus of `vulnscope corpus list`.")]


@app.command("list")
def list_corpora(as_json: Json = False) -> None:
    """List the corpora that can be loaded by name."""
    listing = CorpusListing(corpora=tuple(_describe(name) for name in list_names("corpus")))
    if as_json:
        return print_json(listing)
    table = Table("name", "what it is", box=None)
    for entry in listing.corpora:
        table.add_row(escape(entry.name), escape(entry.description))
    return stdout.print(table)


@app.command()
def show(
    name: Name,
    sample_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A sample or a pair.")] = None,
    data_dir: DataDir = None,
    skip_bad: SkipBad = False,
    option: LoaderOption = None,
    cwe: Cwe = None,
    language: Language = None,
    part: Part = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Show the samples of a corpus, or one of them with its twin and their difference."""
    corpus = _load(name, data_dir, skip_bad, option, cwe, language, part, limit)
    if sample_id is not None:
        corpus = corpus.keep(_find(corpus, sample_id))
    if as_json:
        return print_json(corpus)
    if sample_id is None:
        return stdout.print(_tabulate(corpus))
    for line in _show_samples(corpus):
        stdout.print(line, soft_wrap=True)
    return None


@app.command()
def stats(
    name: Name,
    data_dir: DataDir = None,
    skip_bad: SkipBad = False,
    option: LoaderOption = None,
    cwe: Cwe = None,
    language: Language = None,
    part: Part = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Count what a corpus holds."""
    from vulnscope.corpora.check.stats import count_corpus

    record = count_corpus(_load(name, data_dir, skip_bad, option, cwe, language, part, limit))
    return print_json(record) if as_json else stdout.print(_tabulate_stats(record))


@app.command()
def get(
    name: Name,
    origin: Annotated[
        str | None,
        typer.Option("--from", help="A folder, archive, git address, or OWNER/NAME of the Hub.", show_default=False),
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Commit, branch or tag; default: the pinned commit.", show_default=False)
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="What the files must have, as printed by an earlier get.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Get it anew: the same again, or what --from and --revision name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Get a corpus into the cache, from its publisher at a pinned revision or from a copy, with a checksum.

    Later commands find it by name, check its files against the checksum, and stay with the commit that was got.
    """
    from vulnscope.corpora.get.fetch import corpora_dir, get_corpus

    resolve("corpus", name)
    receipt = get_corpus(
        name, corpora_dir(os.environ), origin=origin, revision=revision, sha256=sha256, is_replaced=replace
    )
    if as_json:
        return print_json(receipt)
    table = Table(box=None, show_header=False)
    facts = {
        "from": f"{receipt.address}{f' at {receipt.revision}' if receipt.revision else ''}",
        "files": f"{receipt.n_files:,}, {receipt.n_bytes / 1e6:,.1f} MB",
        "SHA-256": receipt.sha256,
        "folder": receipt.folder,
    }
    for key, value in facts.items():
        table.add_row(Text(key, style="bold"), Text(value, overflow="fold"))
    stdout.print(table)
    if receipt.revision is not None and receipt.asked is None:
        print_note(
            "no commit is pinned for it: this one was the newest, and later commands stay with it. The same elsewhere: "
            f"--revision {receipt.revision} --sha256 {receipt.sha256}"
        )
    return print_note(f"use it by name: vulnscope corpus stats {name}")


@app.command()
def check(
    name: Name,
    data_dir: DataDir = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=DIR]", help="Another corpus to look for copies in, repeatable: sven=../sven."),
    ] = None,
    card: Annotated[Path | None, typer.Option(help="Write a data card (Markdown) here.", dir_okay=False)] = None,
    seed: Annotated[int, typer.Option(help="Deals groups into the folds of trained rules.")] = 0,
    skip_bad: SkipBad = False,
    option: LoaderOption = None,
    cwe: Cwe = None,
    language: Language = None,
    part: Part = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Audit a corpus for leaks: copies across splits and corpora, shared commits, label words, surface rules.

    Exit status 1 where splits or corpora share anything.
    """
    from vulnscope.audit.figures.leaks import check_corpus
    from vulnscope.corpora.check.stats import count_corpus
    from vulnscope.report.pages import leaks
    from vulnscope.report.write_markdown import write_markdown
    from vulnscope.report.write_terminal import write_terminal

    if card is not None and not card.absolute().parent.is_dir():
        raise InputError(f"--card: the folder {card.parent} does not exist; create it first")
    corpus = _load(name, data_dir, skip_bad, option, cwe, language, part, limit)
    others = [_load_other(text, skip_bad) for text in against or ()]
    record = check_corpus(corpus, others, seed=seed)
    if card is not None:
        card.write_text(write_markdown(leaks.card(count_corpus(corpus), record)), encoding="utf-8")
        print_note(f"wrote {card}")
    if as_json:
        print_json(record)
    else:
        write_terminal(leaks.page(record), stdout)
    if any(overlap.is_leak for overlap in record.overlaps):
        raise typer.Exit(1)


def _load_other(text: str, skip_bad: bool) -> Corpus:
    name, _, folder = text.partition("=")
    return _load(name, Path(folder) if folder else None, skip_bad)


def _load(
    name: str,
    data_dir: Path | None,
    skip_bad: bool,
    options: Sequence[str] | None = None,
    cwes: Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
    limit: int | None = None,
) -> Corpus:
    from vulnscope.corpora import default_data_dir, load_corpus, select

    path = data_dir or default_data_dir(name, os.environ)
    corpus = load_corpus(name, path, skip_bad=skip_bad, **parse_options(list(options or ())))
    for row in corpus.bad_rows:
        print_note(f"left out {row}")
    if not (cwes or languages or parts or limit):
        return corpus
    return select(corpus, cwes=cwes or (), languages=languages or (), parts=parts or (), limit=limit)


def _describe(name: str) -> CorpusEntry:
    try:
        description = (resolve("corpus", name).__doc__ or "").strip().partition("\n")[0]
    except ImportError as error:  # a third party's loader must not take the list down
        description = f"cannot be imported: {error}"
    return CorpusEntry(name=name, description=description)


def _find(corpus: Corpus, wanted: str) -> list[Sample]:
    """The sample of that id with its twin, or the twins of the pair of that id."""
    pair_ids = {pair.id for pair in corpus.pairs if wanted in (pair.id, pair.vulnerable.id, pair.fixed.id)}
    found = [sample for sample in corpus.samples if sample.id == wanted or sample.pair_id in pair_ids]
    if not found:
        names = [sample.id for sample in corpus.samples]
        near = [name for name in names if wanted in name] or get_close_matches(wanted, names) or names
        raise InputError(f"corpus {corpus.name!r} has no sample or pair {wanted!r}; for example: {', '.join(near[:3])}")
    return found


def _tabulate(corpus: Corpus) -> Table:
    from vulnscope.corpora.code.text import show_controls, split_lines

    table = Table(box=None)
    for column in ("id", "label", "language", "CWE", "lines", "notes"):
        table.add_column(column, no_wrap=column != "notes", justify="right" if column == "lines" else "left")
    for sample in corpus.samples:
        n_lines = len(split_lines(sample.code))
        cells = (sample.id, sample.label, sample.language, " ".join(sample.cwes), str(n_lines), "; ".join(sample.notes))
        table.add_row(*(Text(show_controls(cell)) for cell in cells))
    return table


def _tabulate_stats(record: CorpusStats) -> Table:
    from vulnscope.corpora.code.text import show_controls

    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_column(justify="right")
    for key in ("n_samples", "n_pairs", "n_groups"):
        table.add_row(key.removeprefix("n_"), "", str(getattr(record, key)))
    table.add_row("rows", "in / out / bad", f"{record.n_rows_in} / {record.n_rows_out} / {len(record.bad_rows)}")
    for key in ("parts", "labels", "languages", "cwes", "difficulties", "splits", "licences", "notes"):
        for index, (value, count) in enumerate(getattr(record, key).items()):
            table.add_row("" if index else key, Text(show_controls(value)), str(count))
    for key in ("characters", "lines"):
        spread = getattr(record, key)
        table.add_row(key, "median / 90 % / largest", f"{spread.median:g} / {spread.p90:g} / {spread.largest}")
    table.add_row("version", "", record.version)
    for problem in record.problems:
        table.add_row("problem", Text(show_controls(problem), style="yellow"), "")
    return table


def _show_samples(corpus: Corpus) -> Iterator[Text]:
    for sample in corpus.samples:
        yield from _show_facts(sample)
    if corpus.pairs:
        yield from _show_twins(corpus.pairs[0])
        return
    from vulnscope.corpora.code.text import show_controls, split_lines

    for number, line in enumerate(split_lines(corpus.samples[0].code), start=1):
        yield Text(f"{number:>5}  {show_controls(line)}")


def _show_facts(sample: Sample) -> Iterator[Text]:
    from vulnscope.corpora.code.text import show_controls

    facts = {
        "language": sample.language,
        "CWE": " ".join(sample.cwes),
        "difficulty": sample.difficulty,
        "augmentation": sample.augmentation and f"{sample.augmentation.kind} of {sample.augmentation.base_id}",
        "project": sample.origin.project,
        "CVE": sample.origin.cve,
        "commit": sample.origin.commit,
        "split": sample.split,
        "licence": sample.licence,
        "reason": sample.reason,
        "note": "; ".join(sample.notes),
    }
    yield Text.assemble((show_controls(sample.id), "bold"), f"  {sample.label}")
    for key, value in facts.items():
        if value:
            yield Text.assemble(f"  {key:<12} ", show_controls(value))
    yield Text()


def _show_twins(pair: Pair) -> Iterator[Text]:
    """Both twins in one listing: shared lines once, with the numbers they have in either."""
    from vulnscope.corpora.code.diff import align
    from vulnscope.corpora.code.text import show_controls, split_lines

    yield Text("- only vulnerable   + only fixed", style="dim")
    before, after = split_lines(pair.vulnerable.code), split_lines(pair.fixed.code)
    for block in align(pair.vulnerable.code, pair.fixed.code):
        if block.kind == "shared":
            for one, other in zip(block.before, block.after, strict=True):
                yield Text(f"{one + 1:>5} {other + 1:>5}   {show_controls(after[other])}")
            continue
        for line in block.before:
            yield Text(f"{line + 1:>5} {'':>5} - {show_controls(before[line])}", style="red")
        for line in block.after:
            yield Text(f"{'':>5} {line + 1:>5} + {show_controls(after[line])}", style="green")
