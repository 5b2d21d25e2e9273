from tests.ask.builders import make_pairs, make_sample
from tests.models.zoo import tiny_tokenizer

from vulnscope.ask.scored.preparation import prepare
from vulnscope.ask.scored.yes_no import YesNoProtocol
from vulnscope.prompts import load_prompts

PROTOCOL = YesNoProtocol(load_prompts("yes-no"), tiny_tokenizer())
LIMIT = 400


def long_code(word: str, n_lines: int = 100) -> str:
    lines = [f"int v{number};" for number in range(n_lines)]
    lines[60] = f"{word}(a, b);"
    return "\n".join(lines) + "\n"


def test_samples_that_fit_stay_as_they_are() -> None:
    samples = make_pairs(40)
    prepared = prepare(PROTOCOL, samples, LIMIT)
    assert list(prepared.samples) == samples
    assert set(prepared.cuts) == {None}
    assert len(prepared.requests) == 80
    assert prepared.left_out == ()


def test_order_is_kept_where_twins_stand_apart() -> None:
    samples = make_pairs(3)
    shuffled = [samples[place] for place in (4, 1, 3, 0, 2, 5)]
    prepared = prepare(PROTOCOL, shuffled, LIMIT)
    assert list(prepared.samples) == shuffled
    text = tiny_tokenizer().decode(list(prepared.requests[0].prompts[0]))
    assert shuffled[0].code in text


def test_over_long_twins_share_one_window_around_the_change() -> None:
    twins = [
        make_sample(0, label, code=long_code(word)) for label, word in (("vulnerable", "strcpy"), ("fixed", "strncpy"))
    ]
    prepared = prepare(PROTOCOL, twins, LIMIT)
    cuts = [cut for cut in prepared.cuts if cut is not None]
    assert [cut.kind for cut in cuts] == ["changed-window", "changed-window"]
    assert cuts[0] == cuts[1]
    assert cuts[0].first_line <= 61 <= cuts[0].last_line
    assert "strcpy(a, b);" in prepared.samples[0].code
    assert "strncpy(a, b);" in prepared.samples[1].code
    # The window uses the room there is: up to one more line and the slack on either side.
    longest = max(max(packed.n_tokens) for packed in prepared.requests.packed)
    assert LIMIT - 40 < longest < LIMIT


def test_a_twin_that_fits_is_cut_with_the_one_that_does_not() -> None:
    short = make_sample(0, "vulnerable", code="strcpy(a, b);\n")
    long = make_sample(0, "fixed", code="strncpy(a, b);\n" + "int v;\n" * 100)
    prepared = prepare(PROTOCOL, [short, long], LIMIT)
    assert all(cut is not None for cut in prepared.cuts)


def test_a_lone_sample_is_cut_around_its_changed_lines() -> None:
    lone = make_sample(0, "vulnerable", code=long_code("strcpy"), pair_id=None, changed_lines=(61,))
    (cut,) = prepare(PROTOCOL, [lone], LIMIT).cuts
    assert cut is not None
    assert cut.kind == "changed-window"


def test_no_limit_cuts_nothing() -> None:
    sample = make_sample(0, "vulnerable", code=long_code("strcpy", 300))
    assert prepare(PROTOCOL, [sample], None).cuts == (None,)


def test_what_cannot_be_asked_is_left_out_and_said() -> None:
    broken = make_sample(7, "fixed", code='char *s = "\ud800";')
    prepared = prepare(PROTOCOL, [broken, *make_pairs(1)], 60)
    assert prepared.samples == ()
    assert {part.reason: part.n for part in prepared.left_out} == {
        "not valid Unicode text (lone surrogates)": 1,
        "longer than the 60 tokens the model reads, and cannot be cut": 2,
    }
    assert prepared.left_out[0].examples == ("007-fixed",)
