"""What edits promise, over every architecture: exact zero, effect above the site only, positions that mean the same
with the cache on or off, alone or in a batch, padded or not, for every selector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tests.models.subjects import proven_sites, random_tokens, tiny_subject
from tests.models.zoo import ARCHITECTURES
from tests.tolerances import assert_close, rounding
from torch import Tensor
from transformers import GenerationConfig

from vulnscope.models.answer.generation import generate
from vulnscope.models.edit.edits import Edit, add, scale_component, trace
from vulnscope.models.edit.operations import Trace
from vulnscope.models.forward.forward import generation_inputs, run_model
from vulnscope.models.forward.hooks import Site, tapped
from vulnscope.models.read.early_exit import pad_right
from vulnscope.models.read.editing import edited
from vulnscope.models.subject.selfcheck import BATCH_DECODING, LEFT_PADDING, RIGHT_PADDING
from vulnscope.models.subject.subject import Subject
from vulnscope.models.text.items import TokenText
from vulnscope.models.text.selectors import Selector, characters, lines, part, positions, select

pytestmark = pytest.mark.slow
NEW = 32
# The scan over a prompt clamps time steps, the single step of decoding does not.
LOOSE = {"nemotron_h": 3e-2}
SELECTORS: list[str | Selector] = [
    "last",
    "all",
    "prompt",
    "generated",
    "changed",
    part("code"),
    lines(2),
    characters((1, 3), (4, 5)),
    positions(0, 6),
]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A tiny subject; all tests of one architecture run together."""
    opened = tiny_subject(request.param)
    config = opened.model.generation_config
    end, config.eos_token_id = config.eos_token_id, None  # every row runs to its full length
    yield opened
    config.eos_token_id = end
    left = [name for name, m in opened.model.named_modules() if m._forward_hooks or m._forward_pre_hooks]
    assert not left, f"hooks left behind: {left}"


@pytest.fixture
def vector() -> Tensor:
    return torch.randn(32, generator=torch.Generator().manual_seed(5))


def make_items(subject: Subject, n: int = 3) -> list[TokenText]:
    """Prompts of several lines whose second line changed; as many and as unequal in length as the subject can do."""
    n = n if subject.capabilities.has(BATCH_DECODING) else 1
    lengths = (9, 12, 7) if subject.capabilities.has(LEFT_PADDING) else (9, 9, 9)
    return [make_item(tokens) for tokens in random_tokens(*lengths[:n])]


def make_item(tokens: tuple[int, ...]) -> TokenText:
    """One character per token: an introduction of two, then code with a line end after every second character."""
    text = "".join("\n" if i % 3 == 1 else "x" for i in range(len(tokens)))
    offsets = tuple((i, i + 1) for i in range(len(tokens)))
    return TokenText(tokens, text=text, offsets=offsets, spans={"code": (2, len(text))}, changed_window=(2,))


def continued(item: TokenText, new: list[int]) -> TokenText:
    """The item with generated tokens after its prompt."""
    n = len(item.tokens)
    offsets = (*(item.offsets or ()), *((0, 0) for _ in new))
    return TokenText(
        (*item.tokens, *new), n_prompt=n, text=item.text, offsets=offsets, spans=item.spans, changed_window=(2,)
    )


def run_generate(subject: Subject, items: list[TokenText], n_new: int, use_cache: bool = True) -> tuple[Tensor, Tensor]:
    """New tokens (n, n_new) and the logits they were chosen by, greedily, as transformers generates them."""
    inputs = generation_inputs(subject.architecture, [item.tokens for item in items], subject.device)
    config = GenerationConfig(
        max_new_tokens=n_new,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        use_cache=use_cache,
        output_logits=True,
        return_dict_in_generate=True,
    )
    output = subject.model.generate(generation_config=config, **inputs)  # type: ignore[operator]
    return output.sequences[:, inputs["inputs"].shape[1] :], torch.stack(output.logits, dim=1).float()


def run_plain(subject: Subject, items: list[TokenText]) -> Tensor:
    """Logits of the items in one uncached call, padded on the right."""
    tokens, places = pad_right([item.tokens for item in items])
    return run_model(subject.model, subject.architecture, tokens, places).float()


def expected(items: list[TokenText], selector: str | Selector) -> list[tuple[int, int]]:
    """Text and position of every token that `selector` picks, none of the last generated one, which nobody reads."""
    return sorted((row, int(at)) for row, item in enumerate(items) for at in select(item, selector))


@torch.inference_mode()
def test_a_zero_edit_changes_no_bit(subject: Subject, vector: Tensor) -> None:
    items = make_items(subject)
    zero: list[Edit] = []
    for site in proven_sites(subject):
        zero += [add(site, vector, 0.0, "all", unit="raw"), add(site, vector, 0.0, "last", unit="raw", keep_norm=True)]
        zero += [scale_component(site, vector, 1.0, "all")]
    plain, tokens = run_plain(subject, items[:1]), generate(subject, [item.tokens for item in items], 8)
    with edited(subject, zero, items[:1]):
        assert torch.equal(run_plain(subject, items[:1]), plain)
    assert generate(subject, items, 8, edits=zero) == tokens


@torch.inference_mode()
def test_an_edit_acts_above_its_layer_and_nowhere_below(subject: Subject, vector: Tensor) -> None:
    item = make_items(subject, 1)
    layers = range(subject.architecture.n_layers)
    seen: dict[int, Tensor] = {}
    taps = {Site(i): lambda hidden, i=i: seen.__setitem__(i, hidden.clone()) for i in layers}

    def states(edits: list[Edit]) -> tuple[list[Tensor], Tensor]:
        with edited(subject, edits, item), tapped(subject.model, subject.architecture, taps):
            logits = run_plain(subject, item)
        return [seen[i] for i in layers], logits

    clean, clean_logits = states([trace(0)])
    for site in proven_sites(subject):
        changed, logits = states([add(site, vector, 3.0, "last", unit="raw")])
        assert all(torch.equal(changed[i], clean[i]) for i in range(site.layer)), f"{site}: something below moved"
        assert not torch.equal(changed[site.layer], clean[site.layer]), f"{site}: no effect on its layer"
        assert not torch.equal(logits[:, -1], clean_logits[:, -1]), f"{site}: no effect on the logits"
        # Not to the bit: a mixture of experts runs other batches per expert.
        assert_close(logits[:, :-1], clean_logits[:, :-1])


@pytest.mark.parametrize("selector", SELECTORS, ids=str)
@torch.inference_mode()
def test_positions_mean_the_same_however_the_subject_runs(
    subject: Subject, vector: Tensor, selector: str | Selector
) -> None:
    items, edit = make_items(subject), add(1, vector, 4.0, selector, unit="raw")
    watch = [trace(0, selector), trace(2, selector)]
    with edited(subject, [edit, *watch], items, check=False):
        new, logits = run_generate(subject, items, NEW)
    whole = [continued(item, tokens[:-1]) for item, tokens in zip(items, new.tolist(), strict=True)]
    for probe in watch:
        assert isinstance(probe.operation, Trace)
        assert sorted(probe.operation.fired) == expected(whole, selector)

    # Every row alone, without cache or padding, is what all other ways must agree with.
    alone = []
    for row, item in enumerate(whole):
        with edited(subject, [edit], [item], check=False):
            alone.append(run_plain(subject, [item])[0, len(items[row].tokens) - 1 :])
        assert_same(subject, logits[row], alone[row], new[row])
    if subject.capabilities.has(RIGHT_PADDING):
        with edited(subject, [edit], whole, check=False):
            padded = run_plain(subject, whole)
        for row, item in enumerate(whole):
            assert_same(subject, padded[row, len(items[row].tokens) - 1 : len(item.tokens)], alone[row], new[row])
    with edited(subject, [edit], items[:1], check=False):
        single, uncached = run_generate(subject, items[:1], NEW), run_generate(subject, items[:1], 6, use_cache=False)
    for tokens, found in (single, uncached):
        n = next((i for i, same in enumerate(tokens[0] == new[0, : tokens.shape[1]]) if not same), tokens.shape[1])
        assert_same(subject, found[0, :n], alone[0][:n], new[0])


def assert_same(subject: Subject, found: Tensor, wanted: Tensor, tokens: Tensor) -> None:
    """Equal logits, and equal greedy tokens wherever the two best are further apart than the tolerance."""
    tolerance = LOOSE.get(subject.name, rounding(float(wanted.abs().max())))
    torch.testing.assert_close(found, wanted, rtol=0.0, atol=tolerance)
    best = wanted.topk(2, dim=-1).values
    is_clear = best[:, 0] - best[:, 1] > 2 * tolerance
    assert torch.equal(found.argmax(-1)[is_clear], tokens[: len(found)][is_clear])


@torch.inference_mode()
def test_rows_of_a_batch_with_their_own_edits_equal_separate_runs(subject: Subject) -> None:
    items = make_items(subject)
    vectors = torch.randn(len(items), 32, generator=torch.Generator().manual_seed(1))
    scales = torch.tensor([3.0, 0.0, -4.0])[: len(items)]
    together = [add(1, vectors, scales, "last", unit="raw"), add(2, vectors.flip(0), 2.0, "generated", unit="raw")]
    with edited(subject, together, items):
        new, logits = run_generate(subject, items, 8)
    for row, item in enumerate(items):
        alone = [
            add(1, vectors[row], scales[row], "last", unit="raw"),
            add(2, vectors.flip(0)[row], 2.0, "generated", unit="raw"),
        ]
        whole = continued(item, new[row, :-1].tolist())
        with edited(subject, alone, [whole]):
            wanted = run_plain(subject, [whole])[0, len(item.tokens) - 1 :]
        assert_same(subject, logits[row], wanted, new[row])


@torch.inference_mode()
def test_sampling_under_edits_repeats_with_its_seed_in_any_batch(subject: Subject, vector: Tensor) -> None:
    items, edits = make_items(subject), [add(1, vector, 4.0, "all", unit="raw")]
    tokens = [item.tokens for item in items]
    seeds = [7, 8, 9][: len(items)]
    drawn = generate(subject, items, 8, temperature=1.5, seeds=seeds, edits=edits)
    assert generate(subject, tokens, 8, temperature=1.5, seeds=seeds, edits=edits) == drawn
    assert generate(subject, tokens[:1], 8, temperature=1.5, seeds=[7], edits=edits) == drawn[:1]
