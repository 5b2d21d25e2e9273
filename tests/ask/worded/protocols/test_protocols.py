"""What every protocol in words must do, and what is particular to each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.ask.builders import make_pairs, make_sample
from tests.ask.words import FOLDERS, IN_WORDS, open_protocol

from vulnscope.ask.asks import Ask
from vulnscope.ask.worded.parsers.strict import parse_strict
from vulnscope.ask.worded.protocols.secllmholmes import read_material
from vulnscope.errors import CorruptData, InputError
from vulnscope.prompts import load_dialogues
from vulnscope.prompts.dialogues import SLOTS

PAIRS = make_pairs(4)


def _named(letter: str, n: int) -> list[str]:
    return [f"{letter}{number}" for number in range(1, n + 1)]


def text(ask: Ask) -> str:
    return "\n".join(message.text for message in ask.messages)


@pytest.mark.parametrize("name", IN_WORDS)
def test_every_prompt_shows_the_code_once_and_ends_with_a_question(name: str) -> None:
    protocol = open_protocol(name, PAIRS)
    assert protocol.prompts == load_dialogues(name).names
    for prompt in protocol.prompts:
        for sample in PAIRS[2:4]:
            assert not protocol.misses(sample, prompt)
            ask = protocol.build(sample, prompt)
            last = ask.messages[-1]
            assert last.role == "user"
            assert all(line.strip() in last.text for line in sample.code.splitlines())
            assert sum(f"void f{sample.id[2]}(" in message.text for message in ask.messages) == 1
            assert not any(f"{{{slot}}}" in text(ask) for slot in SLOTS)
            assert bool(ask.scored) == protocol.is_scored(prompt)
            assert protocol.build(sample, prompt) == ask


@pytest.mark.parametrize("name", IN_WORDS)
def test_twins_differ_in_their_code_alone(name: str) -> None:
    protocol = open_protocol(name, PAIRS)
    for prompt in protocol.prompts:
        vulnerable, fixed = (protocol.build(sample, prompt).messages[-1].text for sample in PAIRS[2:4])
        assert vulnerable.replace("strcpy(a", "strncpy(a") == fixed


@pytest.mark.parametrize("name", IN_WORDS)
def test_examples_answer_in_the_form_that_is_asked_for(name: str) -> None:
    protocol = open_protocol(name, PAIRS)
    n_examples = 0
    for prompt in protocol.prompts:
        ask = protocol.build(PAIRS[2], prompt)
        answers = [message.text for message in ask.messages if message.role == "assistant"]
        says = [parse_strict(answer, ask.expects).says for answer in answers]
        assert says in ([], ["vulnerable", "fixed"])
        n_examples += len(answers)
    has_shots = any(prompt.shots != "none" for prompt in load_dialogues(name).prompts)
    assert (n_examples > 0) == has_shots


@pytest.mark.parametrize("name", IN_WORDS)
def test_an_unknown_option_or_prompt_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"protocol {name} has no option 'telepathy'; it"):
        open_protocol(name, PAIRS, telepathy="on")
    with pytest.raises(InputError, match="has no prompt 'X9'; choose from"):
        open_protocol(name, PAIRS, prompts=("X9",))


def test_secllmholmes_has_its_17_prompts_and_presets() -> None:
    prompts = load_dialogues("secllmholmes")
    assert prompts.names == (*_named("S", 6), *_named("R", 6), *_named("D", 5))
    assert len(prompts.find("R3").turns) == 4
    assert all(("definition" in prompts.find(name).slots) == name.startswith("D") for name in prompts.names)
    few = [prompt.name for prompt in prompts.prompts if prompt.shots != "none"]
    assert few == ["S5", "S6", "R4", "R5", "R6", "D3", "D4", "D5"]
    assert prompts.find_preset("determinism").repeats == 10
    assert set(prompts.presets) == {"hand-crafted", "determinism", "temperature", "robustness", "real-world"}


def test_secllmholmes_asks_about_the_samples_own_weakness() -> None:
    protocol = open_protocol("secllmholmes", PAIRS)
    ask = protocol.build(PAIRS[0], "D4")
    assert "Out-of-bounds Write (CWE-787)" in text(ask)
    assert "Data is written past the end of its buffer." in text(ask)
    assert "The length is never checked (step-by-step-reasoning)." in text(ask)
    assert "The length is never checked (reasoning)." in text(protocol.build(PAIRS[0], "S5"))
    assert len(protocol.build(PAIRS[0], "R3").follow_ups) == 3


def test_secllmholmes_says_what_the_copy_does_not_hold() -> None:
    other = make_sample(9, "vulnerable", cwes=("CWE-89",))
    unknown = make_sample(9, "fixed", cwes=())
    protocol = open_protocol("secllmholmes", [*PAIRS, other, unknown])
    assert protocol.misses(other, "S5") == "prompt S5: no example of CWE-89"
    assert not protocol.misses(other, "D1")
    assert protocol.misses(unknown, "D1") == "prompt D1: no definition of an unknown CWE"
    assert not protocol.misses(unknown, "S1")


def test_secllmholmes_needs_a_copy_only_for_what_comes_from_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prompts S5, D1 need definitions and examples"):
        open_protocol("secllmholmes", PAIRS, prompts=("S1", "S5", "D1"), folders={})
    assert open_protocol("secllmholmes", PAIRS, prompts=("S1",), folders={}).prompts == ("S1",)
    with pytest.raises(InputError, match="is no checkout of SecLLMHolmes"):
        open_protocol("secllmholmes", PAIRS, examples=str(tmp_path))


def test_a_damaged_copy_is_named(tmp_path: Path) -> None:
    (tmp_path / "few-shot" / "examples").mkdir(parents=True)
    definitions = tmp_path / "mitre-cwe-definitions.json"
    definitions.write_text("[1, 2", encoding="utf-8")
    with pytest.raises(CorruptData, match=r"mitre-cwe-definitions\.json is not the expected JSON"):
        read_material(tmp_path)
    definitions.write_text('{"cwe-787": "Name: text"}', encoding="utf-8")
    for name in ("cwe-787.c", "cwe-787-p.c"):
        (tmp_path / "few-shot" / "examples" / name).write_text("int f;", encoding="utf-8")
    with pytest.raises(CorruptData, match=r"few-shot example .*cwe-787\.c"):
        read_material(tmp_path)


def test_primevul_lists_both_orders_and_spares_its_example() -> None:
    protocol = open_protocol("primevul", PAIRS)
    first, second = (protocol.build(PAIRS[0], name).expects.options for name in ("plain", "plain-swapped"))
    assert [option.meaning for option in first] == ["vulnerable", "fixed"]
    assert [option.meaning for option in second] == ["fixed", "vulnerable"]
    assert protocol.counterpart("plain") == "plain-swapped"
    (pair,) = {sample_id[:3] for sample_id in protocol.example_ids}
    assert len(protocol.example_ids) == 2
    shown = text(protocol.build(next(s for s in PAIRS if not s.id.startswith(pair)), "plain-two-shot"))
    assert f"void f{int(pair)}(" in shown
    other = open_protocol("primevul", make_pairs(40), seed=1).example_ids
    assert other != open_protocol("primevul", make_pairs(40), seed=2).example_ids


def test_primevul_takes_examples_from_the_training_split_first() -> None:
    training = make_pairs(2, split="train")
    asked = [sample.model_copy(update={"id": f"x{sample.id}", "pair_id": f"x{sample.pair_id}"}) for sample in PAIRS[4:]]
    protocol = open_protocol("primevul", PAIRS)
    assert protocol.example_ids
    from tests.ask.builders import make_corpus

    from vulnscope.ask.worded.protocols.base import Context, NoOptions
    from vulnscope.ask.worded.protocols.primevul import open_primevul

    corpus = make_corpus([*training, *asked])
    opened = open_primevul(NoOptions(), Context(load_dialogues("primevul"), corpus, tuple(asked), FOLDERS.get))
    assert not opened.example_ids
    with pytest.raises(InputError, match="no pair to spare"):
        open_protocol("primevul", PAIRS[:2])


def test_which_cwe_lists_the_most_frequent_with_definitions_in_a_seeded_order() -> None:
    samples = [*make_pairs(3), make_sample(7, "vulnerable", cwes=("CWE-89",), pair_id=None)]
    protocol = open_protocol("which-cwe", samples, top="2")
    ask = protocol.build(samples[0], "listed")
    meanings = [option.meaning for option in ask.expects.options]
    assert sorted(meanings) == ["CWE-787", "CWE-89", "none"]
    assert "CWE-787 Out-of-bounds Write: Data is written past the end." in text(ask)
    reverse = protocol.build(samples[0], "listed-reversed").expects.options
    assert [option.meaning for option in reverse] == meanings[::-1]
    shuffled = [open_protocol("which-cwe", samples, seed=seed).build(samples[0], "listed") for seed in range(12)]
    orders = {tuple(option.meaning for option in each.expects.options) for each in shuffled}
    assert len(orders) > 2


def test_which_cwe_lists_groups_or_what_is_chosen() -> None:
    grouped = open_protocol("which-cwe", PAIRS, group="true").build(PAIRS[0], "listed")
    assert {option.meaning for option in grouped.expects.options} == {"CWE-119", "none"}
    chosen = open_protocol("which-cwe", PAIRS, choices="cwe-89, 121").build(PAIRS[0], "listed")
    assert {option.meaning for option in chosen.expects.options} == {"CWE-89", "CWE-121", "none"}
    with pytest.raises(InputError, match="the CWE catalogue has no CWE-999"):
        open_protocol("which-cwe", PAIRS, choices="999")
    with pytest.raises(InputError, match="needs names and definitions"):
        open_protocol("which-cwe", PAIRS, folders={})


def test_which_cwe_leaves_out_twins_whose_weakness_is_not_listed() -> None:
    of = {cwe: make_sample(9, "fixed", cwes=(cwe,)) for cwe in ("CWE-787", "CWE-119", "CWE-89", "CWE-121")}
    unknown = make_sample(9, "vulnerable", cwes=())
    protocol = open_protocol("which-cwe", [*PAIRS, *of.values()], choices="CWE-787")
    missed = [cwe for cwe, sample in of.items() if protocol.misses(sample, "listed")]
    assert missed == ["CWE-89"]
    assert protocol.misses(unknown, "listed-reversed") == (
        "prompt listed-reversed: their weakness is not among the 1 listed"
    )
    assert not any(protocol.misses(sample, "open") for sample in (*of.values(), unknown))
    ordinary = make_sample(9, "fixed", cwes=(), pair_id=None)
    assert not protocol.misses(ordinary, "listed")


def test_locate_numbers_lines_as_in_the_whole_file() -> None:
    protocol = open_protocol("locate", PAIRS)
    assert "1: void f0(void) {\n2:   strcpy(a, b);\n3: }\n```" in text(protocol.build(PAIRS[0], "lines"))
    assert "\n41:   strcpy(a, b);\n" in text(protocol.build(PAIRS[0], "lines", first_line=40))
