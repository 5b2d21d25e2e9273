import math
from copy import deepcopy

import pytest
from tests.models.zoo import tiny_tokenizer

from vulnscope.ask.scored.packed import PackedRequest, pack
from vulnscope.ask.scored.yes_no import YesNoProtocol, greedy_answer, log_sum_exp
from vulnscope.errors import InputError
from vulnscope.models import PromptScores
from vulnscope.prompts import AnswerTokens, EncodedPrompt, load_prompts
from vulnscope.registry import resolve

YES, NO, OTHER = 10, 11, 12
ANSWERS = AnswerTokens(((YES,), (NO,)), ("yes", "no"))
SHARED = AnswerTokens(((1, YES), (1, NO), (NO,)), ("yes", "no", "no"))


@pytest.fixture(scope="module")
def protocol() -> YesNoProtocol:
    return YesNoProtocol(load_prompts("yes-no"), tiny_tokenizer())


def scores(yes: float, no: float, *top: int) -> PromptScores:
    """Scores of answers with these probabilities."""
    return PromptScores(((math.log(yes),), (math.log(no),)), top or (YES,), math.log(max(yes, no)))


def request(n_questions: int) -> PackedRequest:
    return pack([EncodedPrompt((1, 2, 3), None)] * n_questions, [ANSWERS] * n_questions)


def test_the_registry_knows_the_protocol() -> None:
    assert resolve("protocol", "yes-no") is YesNoProtocol


def test_margin_and_acquiescence_worked_values(protocol: YesNoProtocol) -> None:
    # m+ = ln(.6/.2) = ln 3 and m- = ln(.1/.4) = -ln 4 at the canonical prompt; the others answer evenly.
    even = scores(0.3, 0.3)
    row = protocol.read("s", request(6), [scores(0.6, 0.2), scores(0.1, 0.4, NO), even, even, even, even], None)
    assert row.margin == pytest.approx((math.log(3) + math.log(4)) / 2)
    assert row.acquiescence == pytest.approx((math.log(3) - math.log(4)) / 2)
    assert row.mean_margin == pytest.approx(row.margin / 3)
    assert row.says == "vulnerable"
    assert [reading.label_mass for reading in row.readings[:3]] == pytest.approx([0.8, 0.5, 0.6])
    assert [(reading.prompt, reading.polarity) for reading in row.readings[:3]] == [
        ("direct", "vulnerable"),
        ("direct", "secure"),
        ("flaw", "vulnerable"),
    ]
    assert row.n_prompt_tokens == 3


def test_says_reads_the_canonical_prompt_only(protocol: YesNoProtocol) -> None:
    yes, no = scores(0.6, 0.2), scores(0.2, 0.6, NO)
    assert protocol.read("s", request(6), [no, yes, yes, no, yes, no], None).says == "fixed"
    unclear = scores(0.3, 0.2, OTHER)
    assert protocol.read("s", request(6), [unclear, no, yes, no, yes, no], None).says == "unparsed"


def test_a_model_that_always_says_yes_acquiesces_without_a_margin(protocol: YesNoProtocol) -> None:
    row = protocol.read("s", request(6), [scores(0.9, 0.01)] * 6, None)
    assert row.margin == row.mean_margin == 0.0
    assert row.acquiescence == pytest.approx(math.log(90))


def test_forms_add_up() -> None:
    assert log_sum_exp([math.log(0.2), math.log(0.3)]) == pytest.approx(math.log(0.5))
    assert log_sum_exp([-800.0, -800.0]) == pytest.approx(-800 + math.log(2))


@pytest.mark.parametrize(
    ("top", "expected"),
    [((YES,), "yes"), ((NO,), "no"), ((OTHER,), "unparsed"), ((YES, NO), "unparsed"), ((YES, OTHER), "unparsed")],
)
def test_the_greedy_answer_is_the_top_token_or_unparsed(top: tuple[int, ...], expected: str) -> None:
    assert greedy_answer(ANSWERS, scores(0.4, 0.3, *top)) == expected


@pytest.mark.parametrize(
    ("top", "expected"),
    [((YES, 7), "yes"), ((7, YES), "yes"), ((YES, 7, NO), "unparsed"), ((NO, 8), "no"), ((YES, 8), "unparsed")],
)
def test_spellings_of_one_answer_may_tie(top: tuple[int, ...], expected: str) -> None:
    spellings = AnswerTokens(((YES,), (7,), (NO,), (8,)), ("yes", "yes", "no", "no"))
    found = PromptScores(tuple((math.log(0.2),) for _ in range(4)), top, math.log(0.2))
    assert greedy_answer(spellings, found) == expected


@pytest.mark.parametrize(
    ("yes", "no", "expected"),
    [
        (0.5, 0.3, "yes"),  # beats .3 and the other .2
        (0.3, 0.5, "no"),
        (0.35, 0.25, "unparsed"),  # something else may hold .4
        (0.4, 0.4, "unparsed"),
    ],
)
def test_a_shared_first_token_is_followed_only_as_far_as_is_certain(yes: float, no: float, expected: str) -> None:
    first = 0.8
    found = PromptScores(
        ((math.log(first), math.log(yes)), (math.log(first), math.log(no)), (math.log(0.1),)), (1,), math.log(first)
    )
    assert greedy_answer(SHARED, found) == expected


def test_chat_is_used_where_there_is_a_template_and_can_be_refused() -> None:
    prompts = load_prompts("yes-no")
    tokenizer = tiny_tokenizer()
    assert not YesNoProtocol(prompts, tokenizer).is_chat
    with pytest.raises(InputError, match="no chat template; ask with plain prompts"):
        YesNoProtocol(prompts, tokenizer, is_chat=True)


def test_a_chat_template_is_used_unless_plain_prompts_are_asked_for() -> None:
    tokenizer = deepcopy(tiny_tokenizer())
    tokenizer.chat_template = "<s>[{{ messages[0].content | trim }}]{% if add_generation_prompt %}Answer: {% endif %}"
    prompts = load_prompts("yes-no")
    chat = YesNoProtocol(prompts, tokenizer)
    assert chat.is_chat
    text = tokenizer.decode(list(chat.pack([("c", "int x;")])[0].unpack().prompts[0]))
    assert text == (
        "<s>[Here is a piece of c code:\n\n```c\nint x;\n```\n\nIs this code vulnerable? Answer yes or no.]Answer: "
    )
    assert not YesNoProtocol(prompts, tokenizer, is_chat=False).is_chat


def test_other_prompts_are_asked_in_the_same_way() -> None:
    tokenizer = deepcopy(tiny_tokenizer())
    tokenizer.chat_template = "<s>[{{ messages[0].content | trim }}]<think>"
    prompts = load_prompts("yes-no")
    kept = YesNoProtocol(prompts, tokenizer, opened_thought="keep")
    again = kept.reword(prompts.model_copy(update={"chat": "{code} Well? {question}"}))
    assert again.canonical_text() == "<s>[… Well? Is this code vulnerable? Answer yes or no.]<think>"
    assert kept.canonical_text().startswith("<s>[Here is a piece of")


def test_the_canonical_text_shows_the_prompt_around_an_ellipsis(protocol: YesNoProtocol) -> None:
    assert protocol.canonical_text() == (
        "### Code (…):\n…\n\n### Question:\nIs this code vulnerable? Answer yes or no.\n\n### Answer:\n"
    )


def test_pack_asks_all_questions_about_each_code(protocol: YesNoProtocol) -> None:
    packed = protocol.pack([("c", "int x;"), ("python", "x = 1")])
    assert len(packed) == 2
    assert [len(each.tails) for each in packed] == [6, 6]
    text = tiny_tokenizer().decode(list(packed[1].unpack().prompts[1]))
    assert text == (
        "### Code (python):\nx = 1\n\n### Question:\nIs this code secure? Answer yes or no.\n\n### Answer:\n"
    )


def test_token_starts_lie_where_the_tokens_do(protocol: YesNoProtocol) -> None:
    assert list(protocol.token_starts("int x;")) == [0, 1, 2, 3, 4, 5]
