"""Templates are data: a file for each weakness, whose mistakes are named with file, template and reason."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from vulnscope.corpora import load_corpus
from vulnscope.corpora.synthetic import load_templates
from vulnscope.corpora.synthetic.family import read_family
from vulnscope.errors import InputError

BOUND: dict[str, Any] = {
    "language": "c",
    "names": "path",
    "text": "void $function(char *$a, char *$b)\n{\n    <guard>\n    <gap>\n    <uses>\n}\n",
    "guard": ["check($x);"],
    "use": ["open($x);"],
    "spare": ["puts($x);"],
}
PLAIN: dict[str, Any] = {"language": "c", "text": "-puts($text);\n+puts(clean($text));\n"}


@pytest.mark.parametrize(
    ("options", "version", "content"),
    [
        ({}, "dfa56a9da9422b06", "e3656d4977f6bb8b"),
        ({"templates": "train", "difficulty": "both", "seed": 0}, "4ac835db40d6ec38", "ba373db1ff5af573"),
        (
            {"templates": "held-out", "difficulty": "both", "group_by": "template", "remarks": "aligned"},
            "b26bb52bc9b97e9c",
            "dd6c889c62de3276",
        ),
        ({"difficulty": "plain", "remarks": "random", "seed": 3}, "94b16e9a42688c5d", "c424f237eba68cf0"),
    ],
)
def test_the_corpus_is_what_it_always_was(options: dict[str, Any], version: str, content: str) -> None:
    corpus = load_corpus("synthetic", n_pairs=160, **options)

    assert (corpus.version, corpus.content_digest) == (version, content)


def test_every_template_written_is_one_read() -> None:
    folder = files("vulnscope.corpora.synthetic") / "families"
    texts = [place.read_text(encoding="utf-8") for place in folder.iterdir() if place.name.endswith(".yaml")]

    assert sum(len(re.findall(r"^    text: \|$", text, re.MULTILINE)) for text in texts) == len(load_templates())


def test_a_file_names_id_and_weakness_once(tmp_path: Path) -> None:
    family = read_family(_write(tmp_path, {"cwe": "CWE-73", "bound": {"c-x": BOUND}, "plain": {"c-y": PLAIN}}))

    for name, template in family.templates.items():
        assert (template.id, template.cwe) == (name, "CWE-73")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "cwe: Field required"),
        ({"cwe": "73"}, "cwe: String should match"),
        ({"cwe": "CWE-73", "hard": {}}, "hard: Extra inputs"),
        ({"cwe": "CWE-73", "plain": ["c-y"]}, "plain: Input should be a valid"),
        ({"cwe": "CWE-73", "plain": {"c-y": "text"}}, "plain.c-y: Input should be a valid"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"cwe073\.yaml: {message}"):
        read_family(_write(tmp_path, values))


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("bound", {"names": "paths"}, ": unknown pool of names 'paths'; choose from: text, path"),
        ("bound", {"language": "go"}, r"\.language: Input should be 'python' or 'c'"),
        ("bound", {"guard": []}, r"\.guard: .*at least 1 item"),
        ("bound", {"use": ["open($y);"]}, r": no slot \$x in 'open\(\$y\);'"),
        ("bound", {"use": ["open($x, $y);"]}, r": unknown slot \$y in 'open\(\$x, \$y\);'"),
        ("bound", {"spare": ['f("$", $x);']}, ": a dollar without a slot in "),
        ("bound", {"text": "f($a, $b)\n<guard>\n<uses>"}, ": the text needs the line <gap> once, and has it 0 times"),
        ("bound", {"text": "f($a)\n<guard>\n<gap>\n<uses>"}, r": no slot \$b in "),
        ("plain", {"text": "puts($text);"}, ": no line of the text begins with - or"),
        ("plain", {"text": "-puts($text2);\n<gap>"}, ": unknown line <gap>; there are: <noise>"),
        ("plain", {"guard": ["f($x)"]}, r"\.guard: Extra inputs"),
    ],
)
def test_a_wrong_template_is_named(tmp_path: Path, kind: str, changes: dict[str, Any], message: str) -> None:
    template = {"bound": BOUND, "plain": PLAIN}[kind] | changes
    with pytest.raises(InputError, match=rf"cwe073\.yaml: {kind}\.c-x{message}"):
        read_family(_write(tmp_path, {"cwe": "CWE-73", kind: {"c-x": template}}))


def _write(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "cwe073.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
