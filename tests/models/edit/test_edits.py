"""Operations and their formulas, composition, conditions, units, scoring under edits, and every way to ask wrongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.subjects import DENSE, EXPERTS, RECURRENT, TUPLE, proven_sites, random_tokens, tiny_subject
from tests.tolerances import assert_close, close_to
from torch import Tensor

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.answer.generation import generate
from vulnscope.models.answer.scoring import ScoreRequest, score, score_batch
from vulnscope.models.edit.edits import (
    Edit,
    add,
    clamp,
    digest_edits,
    project_out,
    replace,
    scale_component,
    trace,
    when,
)
from vulnscope.models.edit.operations import Trace
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site
from vulnscope.models.read.activations import capture
from vulnscope.models.read.editing import edited
from vulnscope.models.read.units import find_sinks, measure_norm_units
from vulnscope.models.subject.sites import NormUnit
from vulnscope.models.text.items import TokenText
from vulnscope.models.text.selectors import positions

ROWS = random_tokens(6, 4, 8)
SITE = Site(1)
GENERATOR = torch.Generator().manual_seed(0)
U, V, W = (torch.randn(32, generator=GENERATOR) for _ in range(3))


def states(edits: Sequence[Edit] | None, selector: str = "all", site: Site = SITE) -> Tensor:
    """What flows through the site of the dense subject, edited or clean."""
    subject = tiny_subject()
    if not edits:
        return capture(subject, ROWS, [site], selector)[site]
    with edited(subject, edits, check=False):
        return capture(subject, ROWS, [site], selector)[site]


def unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()


def removed(hidden: Tensor, basis: Tensor) -> Tensor:
    """An independent projection: least squares on the spanning vectors."""
    weights = torch.linalg.lstsq(basis.T.double(), hidden.T.double()).solution
    return (hidden.double() - (basis.T.double() @ weights).T).float()


@pytest.mark.parametrize(
    ("edit", "formula"),
    [
        (add(SITE, V, 2.5, "all", unit="raw"), lambda h: h + 2.5 * V),
        (
            add(SITE, V, 2.5, "all", unit="raw", keep_norm=True),
            lambda h: (h + 2.5 * V) * (h.norm(dim=-1) / (h + 2.5 * V).norm(dim=-1))[:, None],
        ),
        (project_out(SITE, V), lambda h: removed(h, V[None])),
        (project_out(SITE, torch.stack([U, V, W])), lambda h: removed(h, torch.stack([U, V, W]))),
        (clamp(SITE, V, 7.0, unit="raw"), lambda h: removed(h, V[None]) + 7.0 * unit(V)),
        (scale_component(SITE, V, -2.0), lambda h: h - 3.0 * (h @ unit(V))[:, None] * unit(V)),
        (replace(SITE, V), lambda h: V.expand_as(h)),
        (replace(SITE, lambda h: 0.5 * h), lambda h: 0.5 * h),
        (
            replace(SITE, lambda h: 0.25 * h, reconstruction=lambda h: 0.5 * h),
            lambda h: 0.25 * h + (h - 0.5 * h),
        ),
    ],
    ids=["add", "add-keep-norm", "project", "subspace", "clamp", "scale", "vector", "function", "error-term"],
)
def test_an_operation_does_what_its_formula_says(edit: Edit, formula: Callable[[Tensor], Tensor]) -> None:
    assert_close(states([edit]), formula(states(None)))


@pytest.mark.parametrize("make", [add, clamp, scale_component])
def test_parameters_per_text_reach_their_text(make: Callable[..., Edit]) -> None:
    given: dict[str, Any] = {} if make is scale_component else {"unit": "raw"}
    vectors, numbers = torch.stack([U, V, W]), torch.tensor([1.5, -2.0, 0.5])
    together = states([make(SITE, vectors, numbers, "all", **given)])
    starts = np.cumsum([0, *(len(row) for row in ROWS)])
    for row in range(3):
        alone = states([make(SITE, vectors[row], float(numbers[row]), "all", **given)])
        part = slice(starts[row], starts[row + 1])
        assert_close(together[part], alone[part])


def test_a_replacement_per_token_lands_on_its_token() -> None:
    subject = tiny_subject()
    other = capture(subject, ROWS[::-1], [SITE], "last")[SITE].flip(0)
    new = [torch.randn(2, 32), torch.randn(2, 32), torch.randn(2, 32)]
    with edited(subject, [replace(SITE, new, positions(1, 3)), replace(SITE, other, "last")], ROWS, check=False):
        found = capture(subject, ROWS, [SITE], positions(1, 3))
        last = capture(subject, ROWS, [SITE], "last")[SITE]
    for row in (0, 2):
        assert_close(found.of_sample(SITE, row), new[row])
    assert_close(last, other)
    with pytest.raises(InputError, match="replace: text 2 has 1 selected tokens but 2 vectors"):
        states([replace(SITE, new, "last")])


def test_edits_at_one_site_compose_in_the_order_given_outer_blocks_first() -> None:
    subject, clean = tiny_subject(), states(None)
    plus, minus = add(SITE, V, 2.0, "all", unit="raw"), project_out(SITE, V)
    assert_close(states([plus, minus]), removed(clean, V[None]))
    assert_close(states([minus, plus]), removed(clean, V[None]) + 2 * V)
    with edited(subject, [minus]), edited(subject, [plus]):
        nested = capture(subject, ROWS, [SITE], "all")[SITE]
    assert torch.equal(nested, states([minus, plus]))


def test_a_condition_is_decided_for_each_row_on_the_unedited_subject() -> None:
    subject = tiny_subject()
    read = capture(subject, ROWS, [0], "last")[0] @ unit(U)
    middle = float(read.sort().values[1]) - 1e-4
    condition = when(0, U, middle)
    edits = [add(0, U, 100.0, "all", unit="raw"), add(SITE, V, 3.0, "all", unit="raw", condition=condition)]
    with edited(subject, edits, check=False):
        found = capture(subject, ROWS, [SITE], "last")[SITE]
        alone = torch.cat([capture(subject, [row], [SITE], "last")[SITE] for row in ROWS])
    with edited(subject, edits[:1], check=False):
        base = capture(subject, ROWS, [SITE], "last")[SITE]
    assert ((found - base).norm(dim=-1) > 1).tolist() == (read > middle).tolist() != [True] * 3
    assert_close(found, alone)
    flipped = [add(SITE, V, 3.0, "all", unit="raw", condition=when(0, U, middle, is_above=False))]
    assert ((states(flipped, "last") - states(None, "last")).norm(dim=-1) > 1).tolist() == (read < middle).tolist()


def test_an_answer_does_not_change_the_decision_of_its_prompt() -> None:
    subject = tiny_subject()
    prompt = ROWS[0]
    read = float(capture(subject, [prompt], [0], "all", "mean")[0][0] @ unit(U))
    edits = [add(SITE, V, 3.0, "all", unit="raw", condition=when(0, U, read - 1e-3, "all"))]
    new = generate(subject, [prompt], 4, edits=edits)[0].token_ids
    whole = TokenText((*prompt, *new), n_prompt=len(prompt))
    with edited(subject, edits, [whole]), torch.inference_mode():
        logits = run_model(subject.model, subject.architecture, torch.tensor([whole.tokens]))
    assert tuple(logits[0, len(prompt) - 1 : -1].argmax(-1).tolist()) == new


def test_the_norm_unit_is_the_median_norm_without_sinks() -> None:
    subject, rows = tiny_subject(), random_tokens(9, 7)
    found = capture(subject, rows, [SITE], "all")
    norms = found[SITE].norm(dim=-1)[found.index["position"] > 0]
    unit_of_site = measure_norm_units(subject, rows, [SITE], "all")[SITE]
    assert unit_of_site.value == pytest.approx(float(np.median(norms)), rel=1e-6)
    assert (unit_of_site.n_tokens, unit_of_site.n_left_out) == (14, 2)
    edit = add(SITE, V, 0.5, "all", unit=unit_of_site)
    assert_close(states([edit]), states(None) + 0.5 * unit_of_site.value * unit(V))
    assert edit.unit == unit_of_site
    assert find_sinks(torch.tensor([1.0, 1.2, 300.0, 0.9])).tolist() == [False, False, True, False]
    with pytest.raises(InputError, match="picks first tokens only"):
        measure_norm_units(subject, [(5,)], [SITE])


@pytest.mark.parametrize("name", [DENSE, TUPLE, EXPERTS, RECURRENT])
@pytest.mark.parametrize("selector", ["last", "all", "prompt", "generated"])
@pytest.mark.parametrize("is_per_row", [False, True], ids=["shared", "per-row"])
def test_scores_under_edits_are_those_of_the_plain_forward(name: str, selector: str, is_per_row: bool) -> None:
    subject, stem = tiny_subject(name), random_tokens(24)[0]
    prompts = [(*stem, 5), (*stem, 6, 7), stem[:12], random_tokens(9, seed=3)[0], (*stem, 5)]
    answers = [(4, 5), (4, 6, 9), (7,)]
    vectors = torch.randn(5, 32, generator=torch.Generator().manual_seed(2))
    edit = add(1, vectors if is_per_row else vectors[0], 2.0, selector, unit="raw")
    found = score(subject, prompts, [answers] * 5, edits=[edit])
    for row, prompt in enumerate(prompts):
        alone = add(1, vectors[row if is_per_row else 0], 2.0, selector, unit="raw")
        for answer, log_prob in zip(answers, found[row].log_probs, strict=True):
            whole = TokenText(prompt + answer, n_prompt=len(prompt))
            with torch.inference_mode(), edited(subject, [alone], [whole], check=False):
                logits = run_model(subject.model, subject.architecture, torch.tensor([whole.tokens]))[0]
            wanted = logits.log_softmax(-1)[range(len(prompt) - 1, len(whole.tokens) - 1), answer].sum()
            assert log_prob == close_to(float(wanted))


def test_a_shared_prefix_is_computed_once_where_it_is_edited_alike() -> None:
    subject, stem = tiny_subject(), random_tokens(64)[0]
    prompts, answers = [(*stem, 5), (*stem, 6)], [[(4,)], [(4,)]]

    def fired(edits: list[Edit], selector: str) -> int:
        watch = trace(2, selector)
        score(subject, prompts, answers, edits=[*edits, watch])
        assert isinstance(watch.operation, Trace)
        return len(watch.operation.fired)

    both = torch.stack([U, V])
    assert fired([add(1, V, 2.0, "all", unit="raw")], "all") == 66
    assert fired([add(1, both, 2.0, "last", unit="raw")], "all") == 66
    assert fired([add(1, both, 2.0, "all", unit="raw")], "all") == 130


def test_a_digest_follows_everything_that_changes_the_edit() -> None:
    edits = [
        add(1, V, 2.0, unit="raw"),
        add(1, V, 2.5, unit="raw"),
        add(2, V, 2.0, unit="raw"),
        add(1, V, 2.0, "all", unit="raw"),
        add(1, V, 2.0, unit="raw", keep_norm=True),
        add(1, V, 2.0, unit="raw", condition=when(0, U, 1.0)),
        add(1, V, 2.0, unit="raw", condition=when(0, U, 1.5)),
        project_out(1, V, "last"),
    ]
    assert len({edit.digest() for edit in edits}) == len(edits)
    assert add(1, V, 2.0, unit="raw").digest() == edits[0].digest()
    assert digest_edits(edits) != digest_edits(edits[::-1])
    assert replace(1, torch.relu).digest() is None
    assert digest_edits([edits[0], replace(1, torch.relu)]) is None


class Doubling:
    """A function with a digest."""

    digest = "doubling"

    def __call__(self, hidden: Tensor) -> Tensor:
        return 2 * hidden


def test_a_function_with_a_digest_can_be_cached() -> None:
    assert replace(1, Doubling()).digest() == replace(1, Doubling()).digest() is not None


NORM_UNIT = NormUnit(site="2.resid_post", selector="last", value=3.0, n_tokens=4, n_left_out=0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: add(1, V, 2.0), "counts in the site's norm unit: pass unit=measure_norm_units("),
        (lambda: add(1, V, 2.0, unit="volts"), "unknown unit 'volts'"),
        (lambda: add(1, V, 2.0, unit=NORM_UNIT), "measured at 2.resid_post, the edit is at 1.resid_post"),
        (lambda: add("1.attn_out", 0 * V, 2.0, unit="raw"), "edit at 1.attn_out has norm 0; there is nothing"),
        (lambda: add(1, torch.stack([V, 0 * V]), 2.0, unit="raw"), "edit at 1.resid_post has norm 0 (row 1)"),
        (lambda: add(1, V * torch.nan, 2.0, unit="raw"), "vector at 1.resid_post holds NaN or infinity"),
        (lambda: add(1, V, float("inf"), unit="raw"), "scale holds NaN or infinity"),
        (lambda: add(1, torch.zeros(2, 3, 4), unit="raw"), "vector at 1.resid_post has shape (2, 3, 4)"),
        (lambda: add(1, torch.stack([U, V, W]), [1.0, 2.0], unit="raw"), "3 vectors, 2 scales do not fit"),
        (lambda: clamp(1, 0 * V, 2.0, unit="raw"), "edit at 1.resid_post has norm 0"),
        (lambda: project_out(1, torch.stack([V, 2 * V])), "directions at 1.resid_post are linearly dependent"),
        (lambda: replace(1, V, reconstruction=torch.relu), "an error term can be added back to a function only"),
        (lambda: when(0, U, float("nan")), "threshold nan is not finite"),
    ],
)
def test_a_wrong_edit_is_refused_when_it_is_made(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        build()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("edits", "texts", "message"),
    [
        ([], None, "no edits given"),
        ([add(9, V, unit="raw")], None, "layer 9 does not exist; this subject has layers 0 to 2"),
        ([add(1, V[:8], unit="raw")], None, "add: vector has 8 numbers; the site has 32"),
        ([add(1, V, unit="raw", condition=when(0, V[:8], 0.0))], None, "direction has 8 numbers; the site has 32"),
        ([add(1, V, unit="raw", condition=when(7, V, 0.0))], None, "layer 7 does not exist"),
        (
            [add(1, V, 1.0, "changed", unit="raw")],
            [TokenText((4, 5), name="twin")],
            "selector changed on sample 'twin'",
        ),
        ([add(1, V, 1.0, "answer", unit="raw")], ROWS, "selector answer matches no token of text 0"),
        ([add(1, torch.stack([U, V]), unit="raw")], ROWS, "parameters for 2 texts, but there are 3"),
        (
            [add(1, torch.stack([U, V]), unit="raw"), add(1, torch.stack([U, V, W]), unit="raw")],
            ROWS,
            "parameters for 2 and 3 texts",
        ),
    ],
)
def test_edits_that_do_not_fit_are_refused_before_any_work(
    edits: list[Edit], texts: Sequence[Any] | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = tiny_subject()
    monkeypatch.setattr(subject.model, "forward", lambda *_, **__: pytest.fail("the model ran"))
    with pytest.raises(InputError) as caught, edited(subject, edits, texts):
        pass
    assert message in str(caught.value)


def test_verbs_name_the_prompt_that_an_edit_would_not_touch() -> None:
    subject, edits = tiny_subject(), [add(1, V, 1.0, "generated", unit="raw")]
    with pytest.raises(InputError, match="selector generated matches no token of text 1"):
        score(subject, ROWS[:2], [[(4, 5)], [(4,)]], edits=edits)
    with pytest.raises(InputError, match=r"selector positions 5\.\.5 matches no token of text 1: it has 4 tokens"):
        generate(subject, ROWS, 2, edits=[add(1, V, 1.0, positions(5), unit="raw")])


def test_requests_must_say_which_parameters_are_theirs() -> None:
    subject, edits = tiny_subject(), [add(1, torch.stack([V, U]), unit="raw")]
    requests = [ScoreRequest((row,), (((4,),),)) for row in ROWS[:2]]
    with edited(subject, edits), pytest.raises(InputError, match="request 0 does not say which row is its own"):
        score_batch(subject, requests)
    swapped = [ScoreRequest((row,), (((4,),),), row=1 - i) for i, row in enumerate(ROWS[:2])]
    with edited(subject, edits):
        found = [result[0].log_probs for result in score_batch(subject, swapped)]
    expected = score(subject, ROWS[:2], [[(4,)]] * 2, edits=[add(1, torch.stack([U, V]), unit="raw")])
    assert found == [close_to(result.log_probs) for result in expected]


def test_a_call_of_the_model_itself_needs_the_texts() -> None:
    subject = tiny_subject()
    tokens = torch.tensor([ROWS[0], ROWS[0]])
    with edited(subject, [add(1, V, unit="raw")]), pytest.raises(InputError, match="depends on the texts"):
        subject.model(tokens)
    with (
        edited(subject, [add(1, V, unit="raw")], ROWS),
        pytest.raises(InputError, match="2 rows under edits bound to 3"),
    ):
        subject.model(tokens)
    both = [add(1, torch.stack([V, U]), 1.0, "all", unit="raw")]
    with edited(subject, both), torch.inference_mode():
        assert not torch.equal(*subject.model(tokens).logits)
        with pytest.raises(InputError, match="parameters for 2 texts, but the call has 1 rows"):
            subject.model(tokens[:1])


@pytest.mark.parametrize("site", proven_sites(tiny_subject())[::3], ids=str)
def test_an_edit_without_effect_names_its_site(site: Site) -> None:
    name = f"{site.layer}.{site.stream}"
    with pytest.raises(SubjectError, match=f"add at {name} changes no logit of text .") as caught:
        score(tiny_subject(), ROWS, [[(4,)]] * 3, edits=[add(site, V, 1e-30, unit="raw")])
    assert "drowns in rounding" in str(caught.value)
    score(tiny_subject(), ROWS, [[(4,)]] * 3, edits=[add(site, V, [0.0, 0.0, 1.0], unit="raw")])
