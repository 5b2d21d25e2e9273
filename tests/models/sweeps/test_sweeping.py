from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tests.models.plain import plain_point
from tests.models.subjects import DENSE, EXPERTS, RECURRENT, TUPLE, proven_sites, random_tokens, tiny_subject
from tests.models.zoo import EVERY_ARCHITECTURE, tiny_model, tiny_tokenizer
from tests.tolerances import close_to

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.edit.edits import add, clamp, project_out, when
from vulnscope.models.forward.hooks import Site, substituted_forward
from vulnscope.models.read.editing import edited
from vulnscope.models.read.units import measure_norm_units
from vulnscope.models.subject.sites import name_site
from vulnscope.models.subject.subject import Subject, wrap_model
from vulnscope.models.sweeps.grid import Point, make_grid
from vulnscope.models.sweeps.sweep_plan import WorkOptions, WorkPlan
from vulnscope.models.sweeps.sweeping import SweepRow, plan_sweep, run_sweep, sweep, sweep_coarse_to_fine
from vulnscope.models.text.items import TokenText
from vulnscope.models.text.selectors import as_selector, positions

FIRST, SECOND, THIRD = random_tokens(11, 5, 12)
PROMPTS = [FIRST, SECOND, FIRST[:6] + THIRD[6:]]
ANSWERS = [((7,), (8, 9), (8, 10, 11)), ((5,),), ((5,), (6,))]
WINDOWED, ALIBI = "mistral", "bloom"
VECTOR = torch.randn(32, generator=torch.Generator().manual_seed(1))


def points_of(subject: Subject, selectors: Sequence[str] = ("last", "all")) -> list[Point]:
    """Each stream of the middle layer, and the lowest and highest layer."""
    sites = [site for site in proven_sites(subject) if site.layer == 1 or site.stream == "resid_post"]
    return make_grid(sites, {"random": VECTOR}, (0.0, 2.0), selectors, unit="raw").points({})


def assert_plain(subject: Subject, rows: Sequence[SweepRow], points: Sequence[Point]) -> None:
    """Every row holds the numbers of one plain hooked forward, and every point has a row for every prompt."""
    by_key = {(name_site(p.site), str(p.selector), p.vector, p.scale): p for p in points}
    assert len(rows) == len(points) * len(PROMPTS)
    assert len({(r.prompt, r.site, r.selector, r.vector, r.scale) for r in rows}) == len(rows)
    for row in rows:
        point = by_key[row.site, row.selector, row.vector, row.scale]
        wanted = plain_point(subject, row.prompt, PROMPTS[row.prompt], ANSWERS[row.prompt], point)
        assert row.scores.token_log_probs == close_to(wanted), row


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_a_sweep_gives_the_numbers_of_plain_hooked_forwards(name: str) -> None:
    subject = tiny_subject(name)
    points = points_of(subject)
    assert_plain(subject, sweep(subject, PROMPTS, ANSWERS, points), points)


@pytest.mark.parametrize("shortcuts", [(), ("resume",), ("prefix_cache",), ("prefix_cache", "resume"), None])
@pytest.mark.parametrize("name", [DENSE, TUPLE, EXPERTS, RECURRENT, WINDOWED, ALIBI])
def test_every_set_of_shortcuts_gives_the_same_numbers(name: str, shortcuts: tuple[str, ...] | None) -> None:
    subject = tiny_subject(name)
    if name == RECURRENT and shortcuts and "prefix_cache" in shortcuts:
        with pytest.raises(SubjectError, match="mamba cannot do 'prefix_cache': the model takes no key-value cache"):
            plan_sweep(subject, PROMPTS, ANSWERS, points_of(subject), WorkOptions(shortcuts=shortcuts))
        return
    points = points_of(subject, ["last", "all"])
    points += make_grid([0, 1], {"random": VECTOR}, (0.0, 1.0), (positions(2, 4),), unit="raw").points({})
    assert_plain(subject, sweep(subject, PROMPTS, ANSWERS, points, WorkOptions(shortcuts=shortcuts)), points)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        (DENSE, ()),
        (ALIBI, ("packing: ValueError",)),
        (WINDOWED, ("packing: rows of 26 tokens exceed the attention window of 8",)),
        (RECURRENT, ("prefix_cache: the model takes no key-value cache", "packing: needs prefix_cache")),
    ],
)
def test_the_plan_names_the_shortcuts_that_were_not_taken(name: str, missing: tuple[str, ...]) -> None:
    subject = tiny_subject(name)
    found = plan_sweep(subject, PROMPTS, ANSWERS, points_of(subject)).plan.reuse.missing()
    assert len(found) == len(missing)
    assert all(text.startswith(start) for text, start in zip(found, missing, strict=True)), found


def test_a_subject_that_cannot_resume_runs_whole_forwards_and_says_so() -> None:
    model = tiny_model(DENSE)
    first, third = model.model.layers[0], model.model.layers[2]
    aside: dict[str, torch.Tensor] = {}
    inner, upper = first.forward, third.forward

    def leave(hidden: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        aside["half"] = 0.5 * hidden
        return inner(hidden, *args, **kwargs)

    def read(hidden: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return upper(hidden + aside.pop("half"), *args, **kwargs)

    with substituted_forward(first, leave), substituted_forward(third, read):
        subject = wrap_model(model, tiny_tokenizer(), name="entangled")
        points = make_grid([0, 1], {"random": VECTOR}, (0.0, 2.0), ("last", "all"), unit="raw").points({})
        assert_plain(subject, sweep(subject, PROMPTS, ANSWERS, points), points)
        assert list(plan_sweep(subject, PROMPTS, ANSWERS, points).plan.reuse.missing()) == [
            "resume: layer 0: KeyError: 'half'; layer 1: KeyError: 'half'"
        ]
        with pytest.raises(SubjectError, match="entangled cannot do 'resume': layer 0: KeyError: 'half'"):
            plan_sweep(subject, PROMPTS, ANSWERS, points, WorkOptions(shortcuts=("prefix_cache", "resume")))


def test_any_edit_may_be_a_point() -> None:
    subject, last = tiny_subject(), as_selector("last")
    rows = torch.randn(3, 32, generator=torch.Generator().manual_seed(2))
    edits = {
        "shared": add(1, VECTOR, 2.0, unit="raw"),
        "per text": add(1, rows, torch.tensor([1.0, -1.0, 0.5]), unit="raw"),
        "keep norm": add(1, VECTOR, 2.0, unit="raw", keep_norm=True),
        "out": project_out(1, VECTOR, "last"),
        "clamped": clamp(1, VECTOR, 3.0, "last", unit="raw"),
    }
    points = [Point(name, 1.0, Site(1), last, edit) for name, edit in edits.items()]
    points.append(Point("control", 0.0, Site(1), last, None))
    assert_plain(subject, sweep(subject, PROMPTS, ANSWERS, points), points)


def test_scales_count_norm_units_of_the_prompts_by_default() -> None:
    subject = tiny_subject()
    grid = make_grid([1], {"random": VECTOR}, (0.0, 0.5))
    unit = measure_norm_units(subject, PROMPTS, [1], "last")[Site(1)]
    raw = Point(
        "random", 0.5, Site(1), as_selector("last"), add(1, VECTOR, 0.5 * unit.value / VECTOR.norm(), unit="raw")
    )
    found = [row for row in sweep(subject, PROMPTS, ANSWERS, grid) if row.scale == 0.5]
    assert {row.unit for row in found} == {"norm"}
    for row, wanted in zip(found, sweep(subject, PROMPTS, ANSWERS, [raw]), strict=True):
        assert row.scores.token_log_probs == close_to(wanted.scores.token_log_probs)
    given = make_grid([1], {"random": VECTOR}, (0.0, 0.5), units={(Site(1), as_selector("last")): unit})
    assert sweep(subject, PROMPTS, ANSWERS, given) == sweep(subject, PROMPTS, ANSWERS, grid)


def test_small_calls_and_small_batches_give_the_same_numbers() -> None:
    subject = tiny_subject()
    points = points_of(subject)
    job = plan_sweep(subject, PROMPTS, ANSWERS, points, WorkOptions(max_tokens=4))
    assert len(job.plan.batches) > 1
    assert_plain(subject, [row for unit in run_sweep(job) for row in unit], points)


def test_a_sweep_goes_on_where_it_stopped_with_equal_rows() -> None:
    subject = tiny_subject()
    job = plan_sweep(subject, PROMPTS, ANSWERS, points_of(subject), WorkOptions(max_tokens=16))
    whole = list(run_sweep(job))
    assert len(whole) == job.plan.n_units
    assert sum(map(len, whole)) == job.n_rows
    stored = WorkPlan.model_validate_json(job.plan.to_json())
    for skip in (1, 5, job.plan.n_units - 1, job.plan.n_units):
        again = plan_sweep(subject, PROMPTS, ANSWERS, points_of(subject), stored)
        assert list(run_sweep(again, skip)) == whole[skip:]
    with pytest.raises(InputError, match="the stored plan belongs to other prompts or another grid"):
        plan_sweep(subject, PROMPTS[:2], ANSWERS[:2], points_of(subject), stored)


def test_rows_survive_json() -> None:
    row = sweep(tiny_subject(), PROMPTS, ANSWERS, points_of(tiny_subject()))[0]
    assert SweepRow.model_validate_json(row.to_json()) == row


def test_progress_counts_rows() -> None:
    heard: list[tuple[int, int]] = []
    points = points_of(tiny_subject())
    sweep(tiny_subject(), PROMPTS, ANSWERS, points, on_progress=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (3 * len(points), 3 * len(points))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)


def test_out_of_memory_shrinks_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    from vulnscope.models.forward import rows

    subject, points, widest = tiny_subject(), points_of(tiny_subject()), 16
    run = rows.Inputs.run

    def limited(self: rows.Inputs, *args: object) -> torch.Tensor:
        if self.tokens.numel() > widest:
            raise torch.OutOfMemoryError("no room")
        return run(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(rows.Inputs, "run", limited)
    revised: list[WorkPlan] = []
    found = list(run_sweep(plan_sweep(subject, PROMPTS, ANSWERS, points), on_backoff=revised.append))
    assert_plain(subject, [row for unit in found for row in unit], points)
    assert revised[-1].max_tokens <= widest
    again = plan_sweep(subject, PROMPTS, ANSWERS, points, revised[-1])
    assert list(run_sweep(again, 3)) == found[3:]
    monkeypatch.setattr(rows.Inputs, "run", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no room")))
    with pytest.raises(torch.OutOfMemoryError):
        sweep(subject, PROMPTS, ANSWERS, points)


def test_a_coarse_sweep_is_refined_around_its_best_site() -> None:
    subject = wrap_model(tiny_model(DENSE, num_hidden_layers=8), tiny_tokenizer(), name="deep")
    grid = make_grid(range(8), {"random": VECTOR}, (0.0, 1.0), unit="raw")
    rows = sweep_coarse_to_fine(
        subject, PROMPTS, ANSWERS, grid, lambda rows: -abs(int(rows[0].site.split(".")[0]) - 4), step=3
    )
    assert list(dict.fromkeys(row.site.split(".")[0] for row in rows)) == ["1", "4", "7", "2", "3", "5", "6"]
    by_hand = {(row.prompt, row.site, row.scale): row for row in sweep(subject, PROMPTS, ANSWERS, grid)}
    for row in rows:
        wanted = by_hand[row.prompt, row.site, row.scale]
        assert row.scores.token_log_probs == close_to(wanted.scores.token_log_probs)


def test_hooks_are_gone_afterwards() -> None:
    subject = tiny_subject()
    sweep(subject, PROMPTS, ANSWERS, points_of(subject))
    modules = list(subject.model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in modules)
    assert not any("forward" in module.__dict__ for module in modules)


RAW = {"unit": "raw"}


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (((1,), {"v": VECTOR}, (1.0, 2.0), ("last",)), "scale grid 1, 2 has no 0"),
        (((1,), {"v": VECTOR}, (0.0,), ("last",)), "nothing but controls"),
        (((1,), {"v": VECTOR}, (0.0, float("nan")), ("last",)), "not finite"),
        (((1, 1), {"v": VECTOR}, (0.0, 1.0), ("last",)), "the grid's sites hold 1.resid_post twice"),
        (((), {"v": VECTOR}, (0.0, 1.0), ("last",)), "the grid has no sites"),
        (((1,), {}, (0.0, 1.0), ("last",)), "the grid has no vectors"),
        (((0, 1), {"v": {Site(0): VECTOR}}, (0.0, 1.0), ("last",)), "vector 'v' is missing at 1.resid_post"),
        (((1,), {"v": VECTOR[:5]}, (0.0, 1.0), ("last",)), "vector has 5 numbers; the site has 32"),
        (
            ((1,), {"v": VECTOR * 0}, (0.0, 1.0), ("last",)),
            "vector 'v': the vector of the edit at 1.resid_post has norm 0",
        ),
        (((1,), {"v": VECTOR * float("nan")}, (0.0, 1.0), ("last",)), "vector 'v': vector at 1.resid_post holds NaN"),
        (((9,), {"v": VECTOR}, (0.0, 1.0), ("last",)), "layer 9 does not exist; this subject has layers 0 to 2"),
        (((1,), {"v": VECTOR}, (0.0, 1.0), ("changed",)), "its changed lines are unknown"),
        (((1,), {"v": VECTOR}, (0.0, 1.0), (positions(90),)), "matches no token of text 0"),
        (
            ((2,), {"v": VECTOR}, (0.0, 1.0), (positions(1),)),
            "edits at 2.resid_post, selector positions 1..1, change no",
        ),
    ],
)
def test_bad_grids_are_refused_before_any_sweeping(grid: tuple, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = tiny_subject()
    monkeypatch.setattr(subject.model, "forward", lambda *_, **__: pytest.fail("the model ran"))
    with pytest.raises(InputError) as caught:
        sweep(subject, PROMPTS, ANSWERS, make_grid(*grid, unit="raw"))  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_what_does_not_fit_is_named() -> None:
    subject, grid = tiny_subject(), make_grid([1], {"v": VECTOR}, (0.0, 1.0), unit="raw")
    last = as_selector("last")
    with pytest.raises(InputError, match="3 prompts but answers for 1"):
        sweep(subject, PROMPTS, ANSWERS[:1], grid)
    with pytest.raises(InputError, match="text 0 holds an answer already"):
        sweep(subject, [TokenText((4, 5, 6), n_prompt=2)], [((5,),)], grid)
    with pytest.raises(InputError, match="unknown shortcut 'skip'; choose among: prefix_cache, packing, resume"):
        sweep(subject, PROMPTS, ANSWERS, grid, WorkOptions(shortcuts=("skip",)))
    with pytest.raises(InputError, match="holds parameters for 2 texts; there are 3"):
        sweep(subject, PROMPTS, ANSWERS, [Point("v", 1, Site(1), last, add(1, torch.ones(2, 32), unit="raw"))])
    conditional = add(1, VECTOR, unit="raw", condition=when(0, VECTOR, 0.0))
    with pytest.raises(InputError, match="conditional; a sweep takes edits that always apply"):
        sweep(subject, PROMPTS, ANSWERS, [Point("v", 1, Site(1), last, conditional)])
    with pytest.raises(SubjectError, match="the nnsight backend does not sweep or patch"):
        sweep(replace(subject, backend="nnsight"), PROMPTS, ANSWERS, grid)
    with (
        edited(subject, [add(1, VECTOR, unit="raw", selector="all")]),
        pytest.raises(InputError, match="inside edited"),
    ):
        sweep(subject, PROMPTS, ANSWERS, grid)


def test_a_scale_that_drowns_in_rounding_is_an_error() -> None:
    grid = make_grid([1], {"tiny": VECTOR}, (0.0, 1e-12), unit="raw")
    with pytest.raises(SubjectError, match=r"vector 'tiny' × 1e-12 at 1\.resid_post \(last\) changes no activation"):
        sweep(tiny_subject(), PROMPTS, ANSWERS, grid)
