"""The generator's promises: deterministic, valid code, right changed lines, twins that are bound as they say."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import tree_sitter
import tree_sitter_c

from vulnscope.corpora.samples import Sample
from vulnscope.corpora.synthetic import generate, generate_pair, held_out_templates, load_templates, training_templates
from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.names import load_words
from vulnscope.corpora.synthetic.plain import PlainTemplate
from vulnscope.errors import InputError

TEMPLATES = load_templates()
HELD_OUT = held_out_templates()
TOKEN = re.compile(r"\w+|[^\w\s]")
CWES = {f"CWE-{number}" for number in (22, 78, 79, 89, 125, 190, 416, 476, 502, 787, 798)}
POOLS = load_words().pools
CANDIDATE_POOLS = ("text", "path", "number", "pointer", "secret", "blob")
BOUND = [name for name, template in TEMPLATES.items() if isinstance(template, BoundTemplate)]
EVERY_TEMPLATE = pytest.mark.parametrize("template_id", TEMPLATES)
EVERY_BOUND_TEMPLATE = pytest.mark.parametrize("template_id", BOUND)


def twins(template_id: str, n_pairs: int = 8) -> list[tuple[Sample, Sample]]:
    return [generate_pair(TEMPLATES[template_id], 5, index) for index in range(n_pairs)]


def test_one_pair_is_what_it_always_was() -> None:
    vulnerable, fixed = generate_pair(TEMPLATES["c-free-bound-text"], 1_000_000, 0)

    assert vulnerable.code == GOLDEN_VULNERABLE
    assert fixed.code == GOLDEN_FIXED
    assert vulnerable.changed_lines == fixed.changed_lines == GOLDEN_CHANGED


def test_a_sample_says_what_it_is() -> None:
    vulnerable, fixed = generate_pair(TEMPLATES["py-sql-bound-quote"], 3, 7)

    assert (vulnerable.label, fixed.label) == ("vulnerable", "fixed")
    assert vulnerable.id == "py-sql-bound-quote#3-7:vulnerable"
    assert fixed.id == "py-sql-bound-quote#3-7:fixed"
    for sample in (vulnerable, fixed):
        assert sample.corpus == "synthetic"
        assert sample.language == "python"
        assert sample.cwes == ("CWE-89",)
        assert sample.difficulty == "bound"
        assert sample.pair_id == sample.origin.path == "py-sql-bound-quote#3-7"
        assert sample.origin.project == "py-sql-bound-quote"
        assert sample.group_keys == ("pair:py-sql-bound-quote#3-7",)
        assert sample.licence == "Apache-2.0"


def test_a_pair_does_not_depend_on_what_else_is_asked_for() -> None:
    alone = generate(4, 3, templates=["c-null-bound-field"])
    among_all = [sample for sample in generate(4, 3 * len(TEMPLATES)) if sample.origin.project == "c-null-bound-field"]

    assert list(alone) == among_all


def test_seeds_and_indices_differ() -> None:
    codes = [sample.code for seed in (0, 1) for sample in generate(seed, 5 * len(TEMPLATES))]

    assert len(set(codes)) == len(codes)


def test_templates_take_turns_and_pairs_stay_adjacent() -> None:
    samples = generate(0, len(TEMPLATES))

    assert [sample.origin.project for sample in samples[::2]] == list(TEMPLATES)
    assert [sample.pair_id for sample in samples[::2]] == [sample.pair_id for sample in samples[1::2]]
    assert [sample.label for sample in samples] == ["vulnerable", "fixed"] * len(TEMPLATES)


def test_difficulty_selects() -> None:
    assert {sample.difficulty for sample in generate(0, 60, difficulty="plain")} == {"plain"}
    assert {sample.difficulty for sample in generate(0, 60, difficulty="bound")} == {"bound"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"templates": ["py-nothing"]}, "unknown template 'py-nothing'; choose from: py-path-bound-basename"),
        ({"templates": ["py-sql-bound-quote"], "difficulty": "plain"}, "none of the templates asked for is plain"),
        ({"n_pairs": -1}, "n_pairs is -1; give 0 or more"),
    ],
)
def test_bad_requests_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        generate(**{"seed": 0, "n_pairs": 1, **arguments})  # type: ignore[arg-type]


def test_every_cwe_has_templates_enough() -> None:
    everything = Counter(template.cwe for template in TEMPLATES.values())
    training = Counter(TEMPLATES[name].cwe for name in training_templates())
    bound = Counter(TEMPLATES[name].cwe for name in training_templates("bound"))

    assert set(everything) == CWES
    assert min(everything.values()) >= 4
    assert min(training[cwe] for cwe in CWES) >= 3
    assert min(bound[cwe] for cwe in CWES) >= 2


def test_held_out_templates_are_of_every_cwe_and_both_difficulties() -> None:
    assert {TEMPLATES[name].cwe for name in HELD_OUT} == CWES
    assert {TEMPLATES[name].difficulty for name in HELD_OUT} == {"plain", "bound"}
    assert set(HELD_OUT).isdisjoint(training_templates())
    assert set(HELD_OUT) | set(training_templates()) == set(TEMPLATES)


def test_ids_name_language_and_difficulty() -> None:
    for name, template in TEMPLATES.items():
        assert name == template.id
        assert name.startswith({"python": "py-", "c": "c-"}[template.language])
        assert f"-{template.difficulty}-" in name


@EVERY_TEMPLATE
def test_code_parses(template_id: str) -> None:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))
    for pair in twins(template_id):
        for sample in pair:
            if sample.language == "python":
                ast.parse(sample.code)
            else:
                assert not parser.parse(sample.code.encode()).root_node.has_error, sample.code


@pytest.mark.slow
@pytest.mark.needs("gcc")
def test_c_compiles(tmp_path: Path) -> None:
    names = [name for name, template in TEMPLATES.items() if template.language == "c"]
    paths = []
    for number, sample in enumerate(generate(2, 2 * len(names), templates=names)):
        paths.append(tmp_path / f"{number}.c")
        paths[-1].write_text(f"{PRELUDE}\n/* {sample.id} */\n{sample.code}\n")
    strict = ["-std=gnu11", "-Wall", "-Werror=implicit-function-declaration", "-Werror=int-conversion"]

    done = subprocess.run(["gcc", "-fsyntax-only", *strict, *map(str, paths)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@EVERY_TEMPLATE
def test_changed_lines_are_what_the_twins_do_not_share(template_id: str) -> None:
    for pair in twins(template_id):
        shared = []
        for sample in pair:
            lines = dict(enumerate(sample.code.split("\n"), start=1))
            assert set(sample.changed_lines) <= set(lines)
            shared.append([line for number, line in lines.items() if number not in sample.changed_lines])
        assert shared[0] == shared[1]
        assert any(sample.changed_lines for sample in pair)


@EVERY_TEMPLATE
def test_nothing_is_left_unfilled(template_id: str) -> None:
    for pair in twins(template_id):
        for sample in pair:
            assert not re.search(r"\$[a-z{]|^ *<\w+>$", sample.code, re.MULTILINE), sample.code


@EVERY_BOUND_TEMPLATE
def test_bound_twins_hold_the_same_tokens(template_id: str) -> None:
    for vulnerable, fixed in twins(template_id):
        assert Counter(TOKEN.findall(vulnerable.code)) == Counter(TOKEN.findall(fixed.code))
        assert len(vulnerable.code) == len(fixed.code)
        assert vulnerable.code != fixed.code


@EVERY_BOUND_TEMPLATE
def test_bound_places_are_more_than_eight_tokens_apart(template_id: str) -> None:
    template = TEMPLATES[template_id]
    assert isinstance(template, BoundTemplate)
    (per_guard,) = {statement.count("$x") for statement in template.guard}
    (per_use,) = {statement.count("$x") for statement in (*template.use, *template.spare)}
    n_declared = template.text.count("$a") + template.text.count("$b")
    for pair in twins(template_id, 40):
        vulnerable, fixed = (TOKEN.findall(sample.code) for sample in pair)
        candidates = {token for token, other in zip(vulnerable, fixed, strict=True) if token != other}
        assert len(candidates) == 2
        for tokens in (vulnerable, fixed):
            places = [place for place, token in enumerate(tokens) if token in candidates]
            assert len(places) == n_declared + per_guard + 2 * per_use
            last_guard, first_use = places[-2 * per_use - 1], places[-2 * per_use]
            assert first_use - last_guard > 8


@EVERY_BOUND_TEMPLATE
def test_label_is_whether_both_places_name_the_same(template_id: str) -> None:
    template = TEMPLATES[template_id]
    assert isinstance(template, BoundTemplate)
    for pair in twins(template_id, 20):
        for sample in pair:
            guarded, used = named_by(template.guard, sample.code), named_by(template.use, sample.code)
            spare = named_by(template.spare, sample.code)
            assert used != spare
            assert guarded in (used, spare)
            assert sample.label == ("fixed" if (guarded == used) == template.same_is_fixed else "vulnerable")


def named_by(statements: tuple[str, ...], code: str) -> str:
    """The variable that stands for `$x` in the one line of the code that is one of the statements."""
    found = []
    for statement in statements:
        pattern = re.escape(statement.split("\n")[0]).replace(r"\$\$", r"\x24")
        pattern = pattern.replace(r"\$x", r"(?P<x>[a-z]+)", 1).replace(r"\$x", r"(?P=x)")
        pattern = re.sub(r"\\\$\w+", ".+?", pattern)
        found += [match["x"] for match in re.finditer(rf"(?m)^ *{pattern}$", code)]
    (name,) = set(found)
    return name


def test_label_is_independent_of_each_place_alone() -> None:
    template = TEMPLATES["c-free-bound-text"]
    n_pairs = 600
    freed_first = Counter[str]()
    for index in range(n_pairs):
        for sample in generate_pair(template, 0, index):
            declared = re.search(r"\(char \*(\w+), char \*(\w+)\)", sample.code)
            freed = re.search(r"free\((\w+)\)", sample.code)
            assert declared is not None
            assert freed is not None
            freed_first[sample.label] += declared[1] == freed[1]
    for label in ("vulnerable", "fixed"):
        assert freed_first[label] / n_pairs == pytest.approx(0.5, abs=0.06)


def test_names_are_ordinary_words() -> None:
    reserved = {*keyword.kwlist, *dir(builtins), "int", "char", "long", "void", "struct", "static", "const", "for", "i"}
    for pool in (*CANDIDATE_POOLS, "plain"):
        assert len(set(POOLS[pool])) == len(POOLS[pool])
        for word in POOLS[pool]:
            assert re.fullmatch("[a-z]{3,10}", word), word
            assert word not in reserved


def test_distractors_are_never_candidates() -> None:
    candidates = {word for pool in CANDIDATE_POOLS for word in POOLS[pool]}

    assert candidates.isdisjoint(POOLS["plain"])
    assert 150 <= len(candidates) <= 250


def test_a_plain_text_is_a_diff() -> None:
    template = PlainTemplate(id="t", cwe="CWE-1", language="c", text="same\n-old $k\n+new $k\n+more\nend")
    vulnerable, fixed = generate_pair(template, 0, 0)

    assert re.fullmatch(r"(?s)(.*)same\nold (\d+)\nend", vulnerable.code)
    assert re.fullmatch(r"(?s)(.*)same\nnew (\d+)\nmore\nend", fixed.code)
    assert len(vulnerable.changed_lines) == 1
    assert len(fixed.changed_lines) == 2


PRELUDE = """
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 64, DATA_LEN = 512, EMPTY = 7, CAP = 1000, BIG = 256 };
struct node { int id, size; struct node *next; };
struct node *cursor;
const char *before;
int *LAST;

int is_word(const char *), is_empty(const char *), is_seen(const void *), mix(unsigned), use_text(const char *);
unsigned clamp(unsigned, int), twice(unsigned, int), at_most(size_t, size_t), at_least(size_t, size_t);
int *make_ints(size_t);
char *must_alloc(size_t), *zero_alloc(size_t);
const char *read_secret(const char *);
void mark(unsigned), note_byte(int), note_part(unsigned), note_pointer(const void *), note_size(size_t);
void fill(int, char *, char *), trim(char *), send_text(const char *), send_bytes(const char *), forget(struct node **);
void node_free(struct node *), node_mark(struct node *), visit(struct node *), link_up(struct node *);
void pool_free(int *), pool_sort(int *), sort(int *), keep(int *);
void log_in(const char *, const char *), unlock(int, const char *);
void set_label(int, const char *), describe(const char *, const char *);
"""

GOLDEN_VULNERABLE = """\
void check_table(char *packet, char *segment)
{
    int marks = 22;
    marks += 36;
    free(segment);
    long delay = 31 + 2;
    delay += 7;
    marks = marks * 26 + 3;
    send_text(segment);
    packet = NULL;
}"""
GOLDEN_FIXED = """\
void check_table(char *packet, char *segment)
{
    int marks = 22;
    marks += 36;
    free(segment);
    long delay = 31 + 2;
    delay += 7;
    marks = marks * 26 + 3;
    send_text(packet);
    segment = NULL;
}"""
GOLDEN_CHANGED = (9, 10)
