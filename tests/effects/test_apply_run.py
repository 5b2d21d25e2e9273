"""A stored intervention on a corpus: what it did, beside its controls, in a run that can be continued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.ask.builders import make_corpus, make_pairs, tiny_subject
from tests.tolerances import close_to

from vulnscope.effects import apply_run as module
from vulnscope.effects.apply_run import check_applying, run_applying
from vulnscope.effects.continuations import write_both
from vulnscope.effects.stored import read_source
from vulnscope.errors import InputError
from vulnscope.interventions import (
    EditSpec,
    Gate,
    Intervention,
    Stored,
    VectorOrigin,
    Vectors,
    VectorSite,
    load_intervention,
    save_intervention,
    save_vectors,
)
from vulnscope.models import as_selector, part
from vulnscope.records.apply import ApplyRecord
from vulnscope.steer.config import ApplyConfig
from vulnscope.store import Run, open_run

CORPUS = make_corpus(make_pairs(8))
CONFIG = ApplyConfig(n_bootstrap=200, n_controls=3, side_effects=False)
WIDTH = tiny_subject().architecture.d_model


def make_vectors(n: int = 1, **origin: Any) -> Vectors:
    """Random directions of the tiny subject, one per layer."""
    generator = torch.Generator().manual_seed(1)
    values = {f"v{k}": torch.randn(WIDTH, generator=generator) for k in range(n)}
    sites = {name: VectorSite(site=f"{k}.resid_post", selector=as_selector("last")) for k, name in enumerate(values)}
    known = {"subject": "tiny", "subject_digest": tiny_subject().digest, "method": "drawn"}
    return Vectors(values, VectorOrigin(**{**known, **origin}, sites=sites))


def make_stored(vectors: Vectors, scale: float = 4.0, **spec: Any) -> Stored:
    edits = tuple(
        EditSpec(site=place.site, vectors=(name,), scale=scale, unit="raw", **spec)
        for name, place in vectors.origin.sites.items()
    )
    return Stored(Intervention(name="pushed", edits=edits, vectors_digest=vectors.digest()), vectors)


def begin(root: Path, config: ApplyConfig = CONFIG, resume: Path | None = None) -> Run:
    digests = {"subject_digest": "s", "corpus_digest": "c", "code": "x"}
    return open_run(root, "apply", config, seed=0, device="cpu", versions={"vulnscope": "0"}, resume=resume, **digests)


def apply(root: Path, stored: Stored, config: ApplyConfig = CONFIG) -> ApplyRecord:
    with begin(root, config) as run:
        return run_applying(tiny_subject(), CORPUS, config, stored, run)


def test_an_edit_stands_beside_its_controls_and_the_answers_it_changed(tmp_path: Path) -> None:
    record = apply(tmp_path, make_stored(make_vectors(corpus="elsewhere", corpus_digest="other")))
    (outcome,) = record.outcomes
    assert [each.n for each in record.controls] == [3, 3]
    assert isinstance(outcome.p_random, float)
    assert isinstance(outcome.bias_shift.value, float)
    assert outcome.bias_shift.value != 0
    assert record.n_changed == len(record.changed)
    assert all(each.before != each.after for each in record.changed)
    assert record.n_to_right == sum(each.after == each.label for each in record.changed)
    assert record.found_in is not None
    assert not record.found_in.is_same_corpus
    assert record.sentence.startswith("on 8 groups, pushed ")
    assert ApplyRecord.model_validate_json(record.to_json()) == record


@pytest.mark.slow
def test_one_edit_through_the_sweep_equals_the_same_edit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = make_stored(make_vectors())
    swept = apply(tmp_path / "swept", stored)
    gated = stored.intervention.edits[0].model_copy(
        update={"condition": Gate(site="0.resid_post", direction="v0", threshold=-1e9)}
    )
    always = Stored(stored.intervention.model_copy(update={"edits": (gated,)}), stored.vectors)
    alone = apply(tmp_path / "alone", always)
    for one, two in zip(swept.controls, alone.controls, strict=True):
        assert one.bias_shifts == close_to(two.bias_shifts)
    assert alone.outcomes[0].kind == "gated method"


def test_a_corpus_that_fitted_the_vectors_is_named_in_the_sentence(tmp_path: Path) -> None:
    seen = make_vectors(corpus="made", corpus_digest=CORPUS.content_digest)
    record = apply(tmp_path, make_stored(seen), CONFIG.model_copy(update={"n_controls": 0}))
    assert "on 8 groups that also fitted its vectors" in record.sentence
    assert any("not held out" in note for note in record.notes)
    assert record.controls == ()
    assert record.outcomes[0].effect != "sensitivity"


def test_a_threshold_needs_no_vectors(tmp_path: Path) -> None:
    record = apply(tmp_path, Stored(Intervention(name="cut", threshold_nats=1e9), None))
    assert record.outcomes[0].yes_rate.value == 0
    assert record.found_in is None


@pytest.mark.slow
def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = make_stored(make_vectors(2))
    whole = apply(tmp_path / "whole", stored)
    asked: list[str] = []
    plain = module.edit_margins

    def dying(subject: Any, given: Any, edits: Any, run: Run, stage: str) -> Any:
        if stage == "controls: shuffled labels 0" and not asked:
            asked.append(stage)
            raise KeyboardInterrupt
        return plain(subject, given, edits, run, stage)

    monkeypatch.setattr(module, "edit_margins", dying)
    with pytest.raises(KeyboardInterrupt), begin(tmp_path) as run:
        run_applying(tiny_subject(), CORPUS, CONFIG, stored, run)
    n_rows = run.n_rows
    assert n_rows == 5
    with begin(tmp_path, resume=run.path) as again:
        found = run_applying(tiny_subject(), CORPUS, CONFIG, stored, again)
        assert again.n_rows == n_rows + 3
    assert found.model_copy(update={"run": whole.run}) == whole


def test_vectors_of_another_model_are_refused_unless_forced(tmp_path: Path) -> None:
    foreign = make_stored(make_vectors(subject_digest="other"))
    with pytest.raises(InputError, match=r"digest other.*or force them"):
        apply(tmp_path / "refused", foreign)
    record = apply(tmp_path / "forced", foreign, CONFIG.model_copy(update={"is_forced": True}))
    assert any("forced into this one" in note for note in record.notes)


def test_one_pair_is_too_few() -> None:
    with pytest.raises(InputError, match=r"has 1 pair here.*at least 2"):
        check_applying(make_corpus(make_pairs(1)), CONFIG)


def test_vectors_of_a_file_become_an_intervention(tmp_path: Path) -> None:
    path = tmp_path / "v.safetensors"
    save_vectors(path, make_vectors(2))
    asked = CONFIG.model_copy(update={"source": str(path), "vectors": ("v*",), "scale": -2.0, "selector": "code"})
    stored = read_source(asked)
    assert [spec.vectors for spec in stored.intervention.edits] == [("v0",), ("v1",)]
    assert {(spec.scale, spec.unit, str(spec.selector)) for spec in stored.intervention.edits} == {
        (-2.0, "raw", "part code")
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 1.0}, "holds 2 vectors; name some with --vector"),
        ({"vectors": ("w*",), "scale": 1.0}, r"holds no vector 'w\*'; it holds: v0; v1"),
        ({"vectors": ("v0",)}, "say how far with --scale"),
        ({"vectors": ("v0",), "scale": 0.0}, "scale 0 changes nothing"),
        ({"vectors": ("v0",), "scale": 1.0, "unit": "norm"}, "cannot count in norm units"),
    ],
)
def test_what_a_vector_file_lacks_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "v.safetensors"
    save_vectors(path, make_vectors(2))
    with pytest.raises(InputError, match=message):
        read_source(CONFIG.model_copy(update={"source": str(path), **changes}))


def test_a_stored_intervention_takes_no_settings_and_is_found_below_its_run(tmp_path: Path) -> None:
    stored = make_stored(make_vectors())
    save_intervention(tmp_path / "interventions" / "pushed", stored.intervention, stored.vectors)
    with pytest.raises(InputError, match=r"no intervention\.json\. Below it are: interventions/pushed"):
        read_source(CONFIG.model_copy(update={"source": str(tmp_path)}))
    own = str(tmp_path / "interventions" / "pushed")
    with pytest.raises(InputError, match="where and how far it edits is fixed"):
        read_source(CONFIG.model_copy(update={"source": own, "scale": 1.0}))
    assert read_source(CONFIG.model_copy(update={"source": own})).intervention == stored.intervention
    assert load_intervention(Path(own)).intervention.digest() == stored.intervention.digest()


def test_a_text_is_continued_with_and_without() -> None:
    found = write_both(tiny_subject(), make_stored(make_vectors(), scale=200.0, selector="all"), "int f(", 6)
    assert found.plain != found.steered
    with pytest.raises(InputError, match="the tokens “part code” exist in questions about code only"):
        write_both(tiny_subject(), make_stored(make_vectors(), selector=part("code")), "int f(", 6)
    with pytest.raises(InputError, match="changes questions or the threshold"):
        write_both(tiny_subject(), Stored(Intervention(name="cut", threshold_nats=1.0), None), "int f(", 6)
    with pytest.raises(InputError, match="do not fit the 1024"):
        write_both(tiny_subject(), make_stored(make_vectors()), "int f(", 2000)
