"""nnsight, an independent implementation, must read and add at the same places to the same bits."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
import torch
from tests.models.subjects import proven_sites, random_tokens, tiny_subject
from tests.models.zoo import ARCHITECTURES, save_tiny, tiny_model, tiny_tokenizer
from tests.tolerances import close_to

from vulnscope.errors import InputError, MissingPrerequisite, SubjectError
from vulnscope.models.answer.generation import generate
from vulnscope.models.answer.scoring import score
from vulnscope.models.edit.edits import add, project_out, when
from vulnscope.models.read.activations import capture
from vulnscope.models.read.editing import edited
from vulnscope.models.subject.subject import open_subject, wrap_model

pytest.importorskip("nnsight")
pytestmark = pytest.mark.slow

PROMPTS = random_tokens(7, 5)
ANSWERS = [[(4, 5), (6,)], [(7, 8), (9,)]]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_both_backends_read_and_add_alike(name: str) -> None:
    ours = tiny_subject(name)
    # A model of its own: nnsight instruments its modules for good.
    oracle = wrap_model(tiny_model(name), tiny_tokenizer(), name=name, self_check=False, backend="nnsight")
    sites = proven_sites(ours)
    vectors = torch.randn(2, 32, generator=torch.Generator().manual_seed(3))
    edits = [
        add(site, vectors, [1.5, -2.0], selector, unit="raw")
        for site, selector in zip(sites, cycle(("last", "all", "prompt")), strict=False)
    ]
    for row, prompt in enumerate(PROMPTS):  # one by one, so that no batch may round differently
        clean, wanted = capture(ours, [prompt], sites, "all"), capture(oracle, [prompt], sites, "all")
        alone = [add(edit.site, vectors[row], (1.5, -2.0)[row], edit.selector, unit="raw") for edit in edits]
        with edited(ours, alone, check=False):
            moved = capture(ours, [prompt], sites, "all")
        with edited(oracle, alone):
            wanted_moved = capture(oracle, [prompt], sites, "all")
        for site in sites:
            assert torch.equal(clean[site], wanted[site]), f"{site}: read differently"
            assert torch.equal(moved[site], wanted_moved[site]), f"{site}: added differently"
            assert not torch.equal(moved[site], clean[site])
    found, expected = score(ours, PROMPTS, ANSWERS, edits=edits), score(oracle, PROMPTS, ANSWERS, edits=edits)
    for left, right in zip(found, expected, strict=True):
        assert left.log_probs == close_to(right.log_probs)
        assert left.top_tokens == right.top_tokens


def test_what_the_oracle_cannot_do_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny("llama", tmp_path)
    oracle, vector = open_subject(str(tmp_path), backend="nnsight"), torch.ones(32)
    with pytest.raises(SubjectError, match=r"can only add vectors; project-out at 1\.resid_post"):
        score(oracle, PROMPTS, ANSWERS, edits=[project_out(1, vector)])
    with pytest.raises(SubjectError, match="the nnsight backend does not generate"):
        generate(oracle, PROMPTS, 2)
    with (
        edited(oracle, [add(1, vector, 1.0, "all", unit="raw")]),
        pytest.raises(SubjectError, match="score and capture only"),
    ):
        oracle.model(torch.tensor(PROMPTS[:1]))
    never = [add(1, vector, 9.0, "all", unit="raw", condition=when(0, vector, 1e9))]
    assert score(oracle, PROMPTS, ANSWERS, edits=never) == score(oracle, PROMPTS, ANSWERS)
    with pytest.raises(InputError, match="unknown backend 'magic'; choose one of: hooks, nnsight"):
        open_subject(str(tmp_path), backend="magic")  # type: ignore[arg-type]
    monkeypatch.setattr("vulnscope.models.subject.subject.find_spec", lambda _: None)
    with pytest.raises(MissingPrerequisite, match="pip install 'nnsight"):
        open_subject(str(tmp_path), backend="nnsight")
