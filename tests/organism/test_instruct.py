"""Prompts and right answers."""

from __future__ import annotations

import pytest

from vulnscope.corpora.synthetic import generate
from vulnscope.organism.instruct import answer_forms, list_questions, write_prompt


def test_every_prompt_is_asked_in_both_polarities():
    questions = list_questions()
    assert (questions[0].prompt.name, questions[0].polarity) == ("direct", "vulnerable")
    assert len(questions) == 2 * len({question.prompt for question in questions})


@pytest.mark.parametrize(
    ("label", "polarity", "answer"),
    [
        ("vulnerable", "vulnerable", "yes"),
        ("vulnerable", "secure", "no"),
        ("fixed", "vulnerable", "no"),
        ("fixed", "secure", "yes"),
    ],
)
def test_answers(label, polarity, answer):
    sample = next(sample for sample in generate(0, 1) if sample.label == label)
    assert {question.answer(sample) for question in list_questions() if question.polarity == polarity} == {answer}


def test_prompt_holds_code_before_question_and_ends_at_the_answer():
    sample = generate(0, 1)[0]
    question = list_questions()[0]
    prompt = write_prompt(sample, question)
    assert prompt.index(sample.code) < prompt.index(question.prompt.vulnerable)
    assert prompt.endswith("### Answer:\n")
    assert answer_forms("yes")[0] == "Yes"
