"""Asking in words: plans, resumption, states, and a small model that really answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ask.builders import begin_run, make_pairs, make_sample, tiny_subject
from tests.ask.words import ScriptedAnswerer, open_protocol

from vulnscope import registry
from vulnscope.ask.answer_cache import ReplyMemory
from vulnscope.ask.asking import answer_all, ask
from vulnscope.ask.asks import Answerer, Ask
from vulnscope.ask.figures.slices import JudgedSample, measure
from vulnscope.ask.worded.answers_to_rows import Reader
from vulnscope.ask.worded.decoding import Decoding, derive_seed
from vulnscope.ask.worded.local import LocalAnswerer
from vulnscope.ask.worded.texts import Questions, TextInquiry, gather_questions
from vulnscope.errors import RunError
from vulnscope.models import score
from vulnscope.records.answers import AnswerRow
from vulnscope.records.base import Record
from vulnscope.stats import Bootstrap
from vulnscope.store import AnswerCache

PAIRS = make_pairs(4)
STRICT = Reader("strict", registry.resolve("parser", "strict"))


class Settings(Record):
    pass


def questions(name: str = "free-text", **options: Any) -> Questions:
    samples = options.pop("samples", PAIRS)
    decoding = Decoding(**options.pop("decoding", {"max_new_tokens": 6}))
    return gather_questions(open_protocol(name, samples, **options), samples, decoding)


def ask_in(folder: Path, answerer: Answerer, asked: Questions, **options: Any) -> tuple[AnswerRow, ...]:
    resume = options.pop("resume", None)
    with begin_run(folder, Settings(), resume=resume) as run:
        inquiry = TextInquiry(answerer, (asked,), STRICT, options.pop("asks_per_batch", 4), **options)
        return ask(inquiry, run)


def say(ask: Ask) -> str:
    is_vulnerable = "strcpy(a" in ask.messages[-1].text.replace("strncpy(a", "")
    return f"I see.\nVerdict: {'vulnerable' if is_vulnerable else 'not vulnerable'}"


def test_a_row_holds_every_answer_canonical_first(tmp_path: Path) -> None:
    decoding = {"temperatures": (0.0, 0.5), "repeats": 2}
    rows = ask_in(tmp_path, ScriptedAnswerer(say), questions(decoding=decoding))
    assert [row.sample for row in rows] == [sample.id for sample in PAIRS]
    assert [row.says for row in rows] == ["vulnerable", "fixed"] * 4
    answers = rows[0].answers
    assert [(each.prompt, each.temperature, each.repeat) for each in answers[:5]] == [
        ("reason", 0.0, 0),
        ("reason", 0.0, 1),
        ("reason", 0.5, 0),
        ("reason", 0.5, 1),
        ("role", 0.0, 0),
    ]
    assert [each.seed is None for each in answers[:4]] == [True, True, False, False]
    assert len({each.seed for each in answers if each.seed is not None}) == 6
    assert (rows[0].readout, rows[0].margin, rows[1].margin, rows[0].acquiescence) == ("text", 1.0, -1.0, None)


def test_seeds_depend_on_all_they_are_drawn_for() -> None:
    drawn = {
        derive_seed(*values)
        for values in [(0, "a", "S1", 0.2, 0), (1, "a", "S1", 0.2, 0), (0, "b", "S1", 0.2, 0), (0, "a", "S2", 0.2, 0)]
    }
    assert len(drawn) == 4
    assert derive_seed(0, "a", "S1", 0.0, 3) is None


def test_an_interrupted_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    asked = questions()
    ask_in(tmp_path / "whole", ScriptedAnswerer(say), asked)
    calls: list[int] = []

    def interrupted(ask: Ask) -> str:
        calls.append(1)
        if len(calls) > 8:
            raise KeyboardInterrupt
        return say(ask)

    with pytest.raises(KeyboardInterrupt):
        ask_in(tmp_path / "torn", ScriptedAnswerer(interrupted), asked)
    (torn,), (whole,) = ((tmp_path / name).iterdir() for name in ("torn", "whole"))
    answerer = ScriptedAnswerer(say)
    ask_in(tmp_path / "torn", answerer, asked, resume=torn)
    assert (torn / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert {place[0] for place in answerer.asked} == {sample.id for sample in PAIRS[2:]}
    with pytest.raises(RunError, match="begun with other prompts, samples or settings"):
        ask_in(tmp_path / "torn", answerer, questions(decoding={"repeats": 2}), resume=torn)


def test_twins_are_asked_together_and_examples_not_at_all() -> None:
    protocol = open_protocol("primevul", PAIRS)
    asked = gather_questions(protocol, PAIRS, Decoding())
    assert len(asked.samples) == 6
    (note,) = asked.left_out
    assert (note.n, note.reason) == (2, "in the group shown as examples")


def test_a_prompt_that_cannot_be_asked_is_left_out_with_its_reason() -> None:
    other = [sample.model_copy(update={"cwes": ("CWE-89",)}) for sample in make_pairs(1)]
    asked = questions("secllmholmes", samples=[*PAIRS[2:], *other], prompts=("S1", "S5"))
    assert asked.prompts_of(other[0]) == ("S1",)
    (note,) = asked.left_out
    assert (note.n, note.reason) == (2, "prompt S5: no example of CWE-89")


@pytest.mark.parametrize("reply", ["", "I cannot help with that.", "Perhaps."])
def test_no_verdict_is_no_verdict(tmp_path: Path, reply: str) -> None:
    rows = ask_in(tmp_path, ScriptedAnswerer(lambda _: reply), questions())
    assert {row.says for row in rows} == {"unparsed"}
    assert {row.state for row in rows} == {"refused" if "cannot" in reply else "unparsed"}
    assert {row.margin for row in rows} == {0.0}


def test_failing_on_one_side_alone_ranks_nothing(tmp_path: Path) -> None:
    def fail_on_vulnerable(ask: Ask) -> str:
        return "Perhaps." if "Verdict: vulnerable" in say(ask) else say(ask)

    asked = questions()
    rows = ask_in(tmp_path, ScriptedAnswerer(fail_on_vulnerable), asked)
    assert {row.says for row in rows} == {"unparsed", "fixed"}
    both = enumerate(zip(PAIRS, rows, strict=True))
    items = [JudgedSample(sample, row, str(sample.pair_id), place) for place, (sample, row) in both]
    found = measure(items, (), Bootstrap(n_draws=50)).overall
    assert (found.auroc.value, found.pair_rank.value, found.pair_rank_p) == (0.5, 0.5, 1.0)


def test_a_model_answers_in_words(tmp_path: Path) -> None:
    answerer = LocalAnswerer(tiny_subject(2048))
    asked = questions("secllmholmes", samples=PAIRS[:2], prompts=("S1", "R3", "D4"))
    rows = ask_in(tmp_path / "one", answerer, asked, asks_per_batch=100)
    assert [len(each.turns) for each in rows[0].answers] == [1, 4, 1]
    assert all(0 < each.n_new_tokens <= 24 for row in rows for each in row.answers)
    assert {each.state for row in rows for each in row.answers} <= {"cut", "unparsed"}
    assert ask_in(tmp_path / "two", answerer, asked, asks_per_batch=1) == rows
    assert answer_all(TextInquiry(answerer, (asked,), STRICT, 100)) == rows


def test_listed_options_are_scored_to_a_margin(tmp_path: Path) -> None:
    subject = tiny_subject(2048)
    asked = questions("primevul", samples=PAIRS, prompts=("plain", "plain-swapped"))
    answerer = LocalAnswerer(subject)
    row = ask_in(tmp_path, answerer, asked)[0]
    first, second = row.answers
    assert row.readout == "log-odds"
    assert first.log_odds is not None
    assert second.log_odds is not None
    assert row.margin == pytest.approx((first.log_odds + second.log_odds) / 2)
    assert row.acquiescence == pytest.approx((first.log_odds - second.log_odds) / 2)
    prompt = answerer.show(asked.protocol.build(PAIRS[0], "plain"))
    tokens = tuple(subject.tokenizer(prompt)["input_ids"])
    # The characters of this tokenizer are its tokens: a form is the letter, or a space and the letter.
    (scores,) = score(
        subject,
        [tokens],
        [[tuple(subject.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in ("A", " A", "B", " B")]],
    )
    import math

    plain, spaced, plain_no, spaced_no = (math.exp(value) for value in scores.log_probs)
    assert first.log_odds == pytest.approx(math.log((plain + spaced) / (plain_no + spaced_no)), abs=1e-3)


def test_over_long_code_is_cut_and_hopeless_prompts_are_not_asked(tmp_path: Path) -> None:
    body = "".join(f"  int x{number} = {number};\n" for number in range(40))
    long = [sample.model_copy(update={"code": sample.code.replace("{\n", "{\n" + body)}) for sample in PAIRS[:2]]
    asked = questions("secllmholmes", samples=long, prompts=("S1", "D4"))
    rows = ask_in(tmp_path, LocalAnswerer(tiny_subject(512)), asked)
    for row in rows:
        short, hopeless = row.answers
        assert short.cut is not None
        assert short.cut == row.cut
        assert short.cut.kind == "changed-window"
        assert (hopeless.state, hopeless.turns) == ("cut", ())
        assert "longer than the 512 tokens" in hopeless.note


def test_replies_are_remembered_across_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = tiny_subject(2048)
    asked = questions(samples=[make_sample(0, "vulnerable")], prompts=("reason",))
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        answerer = LocalAnswerer(subject)
        memory = ReplyMemory(cache, subject, answerer.read_tokens)
        rows = ask_in(tmp_path / "one", answerer, asked, memory=memory)
        monkeypatch.setattr("vulnscope.ask.worded.local.generate", None)
        again = ask_in(tmp_path / "two", answerer, asked, memory=memory)
    assert again == rows
