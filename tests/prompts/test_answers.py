from collections.abc import Callable

import pytest
from transformers import PreTrainedTokenizerFast

from vulnscope.errors import InputError, SubjectError
from vulnscope.prompts import AnswerForms, RenderedPrompt, distinguish, encode

MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

YES = ["Y+e", "Ye+s", "y+e", "ye+s", " +Yes"]
NO = ["N+o", "n+o", " +No"]


def scored(tokenizer: PreTrainedTokenizerFast, text: str, **forms: list[str]) -> dict[str, set[str]]:
    """The scored sequences per answer, as token texts."""
    prompt = RenderedPrompt(text, {}, is_chat=False)
    encoded = encode([prompt], tokenizer)[0]
    tokens = AnswerForms(forms or {"yes": ["Yes", "yes"], "no": ["No", "no"]}, tokenizer).after(prompt, encoded)
    readable: dict[str, set[str]] = {}
    for sequence, answer in zip(tokens.sequences, tokens.answers, strict=True):
        readable.setdefault(answer, set()).add("|".join(tokenizer.convert_ids_to_tokens(list(sequence))))
    return readable


def test_forms_with_tokens_of_their_own_are_one_token_each(make_tokenizer: MakeTokenizer) -> None:
    assert scored(make_tokenizer([*YES, *NO]), "Answer:\n") == {
        "yes": {"Yes", "yes", "ĠYes", "Ġ|yes"},
        "no": {"No", "no", "ĠNo", "Ġ|no"},
    }


def test_a_first_token_that_answers_share_is_scored_to_where_they_differ(make_tokenizer: MakeTokenizer) -> None:
    # Without merges every form is spelt in letters: the space is shared, the letter behind it tells them apart.
    assert scored(make_tokenizer(), "Answer:\n") == {"yes": {"Y", "y", "Ġ|Y", "Ġ|y"}, "no": {"N", "n", "Ġ|N", "Ġ|n"}}


def test_equal_first_tokens_of_one_answer_count_once(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(["N+o", " +No"])
    assert scored(tokenizer, "A:\n", yes=["Yes", "YES"], no=["No"])["yes"] == {"Y", "Ġ"}


def test_a_variant_merged_with_the_prompts_end_is_left_out(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(["\n+ ", *YES, *NO])
    assert scored(tokenizer, "Answer:\n") == {"yes": {"Yes", "yes"}, "no": {"No", "no"}}


def test_forms_stand_alone_where_all_merge_with_the_prompts_end(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer([":+Y", ":+N", ":+ ", *YES[:2], *NO[:1]])
    assert scored(tokenizer, "Answer:", yes=["Yes"], no=["No"]) == {"yes": {"Yes", "Ġ|Yes"}, "no": {"No", "Ġ|No"}}


def test_the_scored_tokens_continue_the_prompt(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer([*YES, *NO])
    prompt = RenderedPrompt("Answer:\n", {}, is_chat=False)
    encoded = encode([prompt], tokenizer)[0]
    for sequence in AnswerForms({"yes": ["Yes"], "no": ["No"]}, tokenizer).after(prompt, encoded).sequences:
        assert tokenizer.decode([*encoded.token_ids, *sequence]) in {
            f"<s>Answer:\n{form}" for form in ("Yes", "No", " Yes", " No")
        }


def test_prompts_with_one_ending_are_tokenised_once(
    make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = make_tokenizer()
    prompts = [RenderedPrompt(f"{code} and a long enough ending:\n", {}, is_chat=False) for code in "abc"]
    forms = AnswerForms({"yes": ["Yes"], "no": ["No"]}, tokenizer)
    calls: list[int] = []
    monkeypatch.setattr(forms, "_tokenise", lambda *_: calls.append(1))
    for prompt, encoded in zip(prompts, encode(prompts, tokenizer), strict=True):
        forms.after(prompt, encoded)
    assert len(calls) == 1


def test_first_tokens_tell_their_answers() -> None:
    tokens = distinguish({"yes": [(1, 2), (5,)], "no": [(1, 3)]})
    assert dict(zip(tokens.sequences, tokens.answers, strict=True)) == {(1, 2): "yes", (5,): "yes", (1, 3): "no"}
    assert tokens.answers_of(1) == {"yes", "no"}
    assert tokens.answers_of(5) == {"yes"}
    assert tokens.answers_of(9) == frozenset()


@pytest.mark.parametrize("no", [(1,), (1, 2), (1, 2, 3)])
def test_answers_that_cannot_be_told_apart_are_refused(no: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="is the beginning of another answer's form"):
        distinguish({"yes": [(1, 2)], "no": [no]})


def test_a_vocabulary_without_the_answer_is_named(make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer()
    tokenizer.unk_token = "Y"
    with pytest.raises(SubjectError, match="no tokens for the answer 'yes', tried: Yes,  Yes"):
        scored(tokenizer, "A:\n", yes=["Yes"], no=["No"])
