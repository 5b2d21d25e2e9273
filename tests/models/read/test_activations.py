from __future__ import annotations

import pytest
import torch
from tests.models.memory import memory_for
from tests.models.subjects import RECURRENT, proven_sites, random_tokens, tiny_subject
from tests.models.zoo import EVERY_ARCHITECTURE, tiny_tokenizer
from tests.tolerances import assert_close

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.edit.edits import add
from vulnscope.models.forward.forward import run_model
from vulnscope.models.forward.hooks import Site, substituted_forward, tapped
from vulnscope.models.read import activations
from vulnscope.models.read.activations import capture
from vulnscope.models.read.editing import edited
from vulnscope.models.subject.subject import Subject
from vulnscope.models.text.items import read_text
from vulnscope.models.text.selectors import lines

ROWS = random_tokens(5, 3, 9)


def states(subject: Subject, row: tuple[int, ...]) -> tuple[dict[Site, torch.Tensor], torch.Tensor]:
    """Hidden states at every site and the logits of one row alone, by a plain full forward."""
    seen: dict[Site, torch.Tensor] = {}
    taps = {site: lambda hidden, site=site: seen.__setitem__(site, hidden[0].clone()) for site in proven_sites(subject)}
    with torch.inference_mode(), tapped(subject.model, subject.architecture, taps):
        logits = run_model(subject.model, subject.architecture, torch.tensor([row]), torch.arange(len(row))[None])
    return seen, logits


@pytest.mark.parametrize("name", EVERY_ARCHITECTURE)
def test_capture_gives_the_states_of_the_plain_forward(name: str) -> None:
    subject = tiny_subject(name)
    sites = proven_sites(subject)
    plain = [states(subject, row) for row in ROWS]
    found = capture(subject, ROWS, sites, "all")
    pooled = capture(subject, ROWS, sites, "all", "mean")
    for number, (seen, logits) in enumerate(plain):
        for site in sites:
            assert_close(found.of_sample(site, number), seen[site])
            assert_close(pooled[site][number], seen[site].mean(0))
        assert torch.equal(states(subject, ROWS[number])[1], logits), "a stopped forward left something behind"
    assert {site.layer for site in sites if site.stream == "resid_post"} == set(range(subject.architecture.n_layers))


@pytest.mark.parametrize("reduce", ["mean", "max", "last"])
def test_reductions_pool_the_selected_tokens(reduce: str) -> None:
    subject = tiny_subject()
    full = capture(subject, ROWS, ["1.mlp_out"], "all")
    pooled = capture(subject, ROWS, ["1.mlp_out"], "all", reduce)  # type: ignore[arg-type]
    for number in range(len(ROWS)):
        rows = full.of_sample("1.mlp_out", number)
        wanted = {"mean": rows.mean(0), "max": rows.amax(0), "last": rows[-1]}[reduce]
        assert_close(pooled["1.mlp_out"][number], wanted)
    assert pooled.index["n_tokens"].tolist() == [5, 3, 9]


def test_the_index_tells_sample_position_token_line_and_change() -> None:
    text = "a\nb\nc\nd\ne\nf\n"
    item = read_text(tiny_tokenizer(), text, changed_lines=[5])
    found = capture(tiny_subject(), [item], [0], lines(2, 3, 5))
    assert found.index["sample"].tolist() == [0] * 6
    assert found.index["position"].tolist() == [2, 3, 4, 5, 8, 9]
    assert found.index["token"].tolist() == [item.tokens[i] for i in (2, 3, 4, 5, 8, 9)]
    assert found.index["line"].tolist() == [2, 2, 3, 3, 5, 5]
    assert found.index["changed"].tolist() == [0, 0, 1, 1, 2, 2]


def test_rows_come_in_the_order_of_the_texts_whatever_the_batches() -> None:
    subject, rows = tiny_subject(), random_tokens(7, 2, 11, 4, 6)
    together = capture(subject, rows, [2], "last")
    alone = capture(subject, rows, [2], "last", max_tokens=1)
    assert_close(together[2], alone[2])
    assert together.index["sample"].tolist() == [0, 1, 2, 3, 4]
    assert together.index["position"].tolist() == [6, 1, 10, 3, 5]


def test_nothing_above_the_highest_site_is_computed() -> None:
    subject = tiny_subject()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed above the highest site")

    with substituted_forward(subject.layers[2], fail), substituted_forward(subject.model.get_output_embeddings(), fail):
        capture(subject, ROWS, ["0.attn_out", "1.resid_post"], "all")


def test_texts_are_tokenised_whole_and_bfloat16_is_stored_as_asked() -> None:
    found = capture(tiny_subject(), ["int main", "x"], [1], "all", dtype="bfloat16")
    assert found[1].dtype == torch.bfloat16
    assert found[1].shape == (9, 32)


def test_hooks_are_gone_after_a_failing_forward() -> None:
    subject = tiny_subject()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken layer")

    with substituted_forward(subject.layers[1], fail), pytest.raises(RuntimeError, match="broken layer"):
        capture(subject, ROWS, [0, 2], "all")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.model.modules())


def test_hooks_that_do_not_fire_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = tiny_subject()
    monkeypatch.setattr(activations, "read_batch", lambda *_: None)
    with pytest.raises(SubjectError, match=r"no activation came by at 1\.resid_post, 2\.attn_out"):
        capture(subject, ROWS, [1, "2.attn_out"])


def test_out_of_memory_halves_the_calls_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, rows = tiny_subject(), random_tokens(4, 4, 4, 9, 9, 9, 9)
    plain = capture(subject, rows, [0, 2], "all")
    assert plain.back_offs == ()
    memory_for(monkeypatch, 20)
    found = capture(subject, rows, [0, 2], "all", max_tokens=40)
    # 4 × 9 tokens do not fit, 2 × 9 do; the batch of short texts before had room.
    assert [(step.batch, step.max_tokens) for step in found.back_offs] == [(1, 18)]
    for site in (0, 2):
        assert_close(found[site], plain[site])
    assert all(torch.equal(found.index[name], plain.index[name]) for name in plain.index)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in subject.model.modules())


def test_per_text_edits_survive_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    subject, rows = tiny_subject(), random_tokens(5, 5, 5, 5)
    vectors = torch.randn(4, 32, generator=torch.Generator().manual_seed(0))
    with edited(subject, [add(0, vectors, unit="raw")]):
        plain = capture(subject, rows, [0], "last")
    memory_for(monkeypatch, 10)
    with edited(subject, [add(0, vectors, unit="raw")]):
        found = capture(subject, rows, [0], "last")
    assert found.back_offs
    assert_close(found[0], plain[0])


def test_memory_too_small_for_one_text_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_for(monkeypatch, 8)
    with pytest.raises(SubjectError, match="out of memory on one call of 9 tokens; no smaller one holds it"):
        capture(tiny_subject(), ROWS, [1])


def test_other_errors_are_no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_for(monkeypatch, 8, RuntimeError)
    with pytest.raises(RuntimeError, match="no room"):
        capture(tiny_subject(), ROWS, [1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sites": [7]}, "layer 7 does not exist; this subject has layers 0 to 2"),
        ({"sites": ["1.middle"]}, "not a site: '1.middle'; write LAYER.STREAM, stream one of: resid_pre"),
        ({"sites": []}, "no site given"),
        ({"reduce": "sum"}, "unknown reduction 'sum'; choose one of: mean, max, last"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"selector": "answer"}, "selector answer matches no token of text 0"),
        ({"texts": [(4, 900)]}, "text 0 holds token ids outside the vocabulary"),
        ({"texts": [()]}, "text 0 is empty"),
        ({"texts": []}, "no texts given"),
        ({"texts": [(4,) * 600]}, "text 0 has 600 tokens; qwen2 reads at most 512"),
    ],
)
def test_bad_input_is_named_before_any_work(
    arguments: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = tiny_subject()
    monkeypatch.setattr(subject.model, "forward", lambda *_, **__: pytest.fail("the model ran"))
    given = {"texts": ROWS, "sites": [1], "selector": "last", **arguments}
    with pytest.raises(InputError) as caught:
        capture(subject, **given)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_stream_that_was_not_proven_is_refused_with_what_there_is() -> None:
    with pytest.raises(SubjectError, match=r"no mlp_out: no feed-forward module"):
        capture(tiny_subject(RECURRENT), ROWS, ["1.mlp_out"])
    with pytest.raises(SubjectError, match=r"adds the residual itself.*offers: resid_pre in layers 0 to 2"):
        capture(tiny_subject("bloom"), ROWS, ["1.mlp_out"])
