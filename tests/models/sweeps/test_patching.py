from __future__ import annotations

import pytest
import torch
from tests.models.plain import log_probs, plain_scores, states_at
from tests.models.subjects import proven_sites, random_tokens, tiny_subject
from tests.models.zoo import EVERY_ARCHITECTURE
from tests.tolerances import close_to

from vulnscope.errors import InputError
from vulnscope.models.forward.hooks import Site
from vulnscope.models.subject.sites import name_site
from vulnscope.models.subject.subject import Subject
from vulnscope.models.sweeps.patching import PatchRow, patch, plan_patch, run_patch
from vulnscope.models.sweeps.sweep_plan import WorkOptions, WorkPlan
from vulnscope.models.text.align import REGIONS, align_twins

HEAD, TAIL, CHANGE, OTHER = random_tokens(3, 3, 4, 2)
PAIRS = [
    (HEAD + CHANGE + TAIL, HEAD + OTHER + TAIL),
    (TAIL + OTHER + HEAD, TAIL + OTHER[::-1] + HEAD),
    (HEAD + TAIL, HEAD + CHANGE + TAIL),
]
ANSWERS = [((7,), (8, 9)), ((5,), (6,)), ((7,),)]


def plain_patch(subject: Subject, row: PatchRow) -> list:
    """The row's scores by one full forward per answer, with the other twin's states put in."""
    side = int(row.into == "second")
    target, source = PAIRS[row.pair][side], PAIRS[row.pair][1 - side]
    aligned = align_twins(*PAIRS[row.pair])[row.region]
    assert row.n_tokens == len(aligned)
    here, there = [pair[side] for pair in aligned], [pair[1 - side] for pair in aligned]
    site = next(site for site in proven_sites(subject) if name_site(site) == row.site)
    states = states_at(subject, source, site)[there]

    def tap(hidden: torch.Tensor) -> torch.Tensor:
        hidden = hidden.clone()
        hidden[0, here] = states
        return hidden

    return plain_scores(subject, target, ANSWERS[row.pair], lambda tokens: log_probs(subject, tokens, site, tap))


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_patching_gives_the_numbers_of_plain_patched_forwards(name: str) -> None:
    subject = tiny_subject(name)
    branches = [site for site in proven_sites(subject) if site.layer == 1 and not site.stream.startswith("resid")]
    rows = patch(subject, PAIRS[:1], ANSWERS[:1], [Site(0), Site(1, "resid_pre"), *branches[-1:]])
    assert {(row.region, row.into) for row in rows} == {(r, into) for r in REGIONS for into in ("first", "second")}
    for row in rows:
        assert row.scores.token_log_probs == close_to(plain_patch(subject, row)), row
        if row.region == "prefix":
            assert row.scores.token_log_probs == close_to(row.clean.token_log_probs)


def test_every_kind_of_pair_and_site_gives_the_numbers_of_plain_patched_forwards() -> None:
    subject = tiny_subject()
    for row in patch(subject, PAIRS, ANSWERS, proven_sites(subject), ["prefix", "suffix", "last"]):
        assert row.scores.token_log_probs == close_to(plain_patch(subject, row)), row


def test_clean_scores_are_those_of_the_twins() -> None:
    subject = tiny_subject()
    for row in patch(subject, PAIRS, ANSWERS, [1], ["last"]):
        side = int(row.into == "second")
        for twin, scores in ((side, row.clean), (1 - side, row.source)):
            wanted = plain_scores(
                subject, PAIRS[row.pair][twin], ANSWERS[row.pair], lambda t: log_probs(subject, t, Site(1), None)
            )
            assert scores.token_log_probs == close_to(wanted)


def test_patching_everything_from_the_change_on_at_the_input_gives_the_other_twin() -> None:
    """Twins of equal length: the residual stream before the first layer is all there is."""
    subject = tiny_subject()
    rows = patch(subject, PAIRS[1:2], ANSWERS[1:2], ["0.resid_pre"], ["changed"])
    for row in rows:
        assert row.scores.token_log_probs == close_to(row.source.token_log_probs)


def test_regions_without_counterparts_are_listed() -> None:
    job = plan_patch(tiny_subject(), PAIRS, ANSWERS, [0, 1])
    assert job.left_out == ((2, "changed"),)
    assert sum(map(len, run_patch(job))) == job.n_rows == 2 * 2 * (3 * 4 - 1)


def test_patching_goes_on_where_it_stopped_with_equal_rows() -> None:
    subject = tiny_subject()
    job = plan_patch(subject, PAIRS, ANSWERS, [0, 1], how=WorkOptions(max_tokens=6))
    assert len(job.plan.batches) > 1
    assert all(batch[i] ^ 1 == batch[i + 1] for batch in job.plan.batches for i in range(0, len(batch), 2))
    whole = list(run_patch(job))
    again = plan_patch(subject, PAIRS, ANSWERS, [0, 1], how=WorkPlan.model_validate_json(job.plan.to_json()))
    assert list(run_patch(again, 3)) == whole[3:]
    assert PatchRow.model_validate_json(whole[0][0].to_json()) == whole[0][0]


def test_bad_input_is_named() -> None:
    subject = tiny_subject()
    with pytest.raises(InputError, match="unknown region 'middle'; choose among: prefix, changed, suffix, last"):
        patch(subject, PAIRS, ANSWERS, [0], ["middle"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="no region given"):
        patch(subject, PAIRS, ANSWERS, [0], [])
    with pytest.raises(InputError, match="3 pairs but answers for 2"):
        patch(subject, PAIRS, ANSWERS[:2], [0])
    with pytest.raises(InputError, match="the twins of pair 1 have the same tokens"):
        patch(subject, [PAIRS[0], (HEAD, HEAD)], ANSWERS[:2], [0])
    with pytest.raises(InputError, match="layer 7 does not exist"):
        patch(subject, PAIRS, ANSWERS, [7])
