"""What the organism is and how it is trained: one documented config serves library, command line and saved file."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vulnscope.records.base import Record


class ShapeConfig(Record):
    """The architecture: a small Qwen2 with tied embeddings."""

    vocab_size: int = Field(default=4096, ge=300, description="tokenizer entries")
    d_model: int = Field(default=192, ge=8, description="width of the residual stream")
    d_mlp: int = Field(default=384, ge=8, description="inner width of the gated MLP")
    n_layers: int = Field(default=6, ge=1)
    n_heads: int = Field(default=4, ge=1, description="query heads, equal to key-value heads")
    # Slow rotations and wide heads leave most of a key to what a token is, as matching names far apart needs.
    rope_theta: float = Field(default=1e6, gt=0, description="base of the rotary embedding")
    max_tokens: int = Field(default=1024, ge=64, description="longest context")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.d_model % (2 * self.n_heads):
            raise ValueError(f"d_model {self.d_model} must be an even multiple of n_heads {self.n_heads}")
        return self


class ReadingConfig(Record):
    """Stage one, before any label: plain next-token prediction on code."""

    n_steps: int = Field(default=500, ge=1)
    window_tokens: int = Field(default=256, ge=16, description="length of an ordinary window of code")
    windows: int = Field(default=32, ge=1, description="windows per step")
    long_every: int = Field(default=8, ge=2, description="each so many steps reads fewer windows of full context")
    synthetic_share: float = Field(default=0.3, ge=0, le=1, description="share of synthetic code, unlabelled")


class LabellingConfig(Record):
    """Stage two: twins side by side under the questions of the yes/no protocol, with some plain code."""

    n_steps: int = Field(default=700, ge=1)
    pairs: int = Field(default=32, ge=1, description="pairs per step; both twins get the same question")
    bound_share: float = Field(default=0.65, ge=0, le=1, description="share of pairs from the harder, bound templates")
    groups: int = Field(default=2, ge=1, description="forward passes per step, each over rows of similar length")
    code_every: int = Field(default=8, ge=2, description="each so many steps is a step of stage one instead")
    code_weight: float = Field(default=1.0, ge=0, description="weight of next-token loss on the fixed twin's code")
    other_form_rate: float = Field(default=0.04, ge=0, le=1, description="share of answers in other spellings: yes, NO")


class DepthConfig(Record):
    """After how many layers each read-out looks: a fact before the facts that rest on it."""

    matters: int = Field(default=3, ge=0)
    guarded: int = Field(default=3, ge=0)
    vulnerable: int = Field(default=5, ge=0)


class GuideConfig(Record):
    """One attention head and where it is taught to look.

    `back`: everywhere at the token `distance` places before; `same`, `after`: at a word seen before, at its earlier
    occurrences or the tokens right after those.
    """

    layer: int = Field(ge=0)
    head: int = Field(ge=0)
    target: Literal["back", "same", "after"]
    distance: int = Field(default=1, ge=1, description="tokens to look back")


class ScaffoldConfig(Record):
    """Losses that exist during training only: on read-outs, and on where some heads look."""

    depths: DepthConfig = DepthConfig()
    verdict_weight: float = Field(default=1.0, ge=0, description="each of the yes/no facts about the code")
    guides: tuple[GuideConfig, ...] = (
        GuideConfig(layer=0, head=0, target="back", distance=1),
        GuideConfig(layer=0, head=1, target="back", distance=2),
        GuideConfig(layer=1, head=0, target="same"),
        GuideConfig(layer=1, head=1, target="same"),
        GuideConfig(layer=2, head=0, target="after"),
        GuideConfig(layer=2, head=1, target="same"),
    )
    guide_weight: float = Field(default=0.25, ge=0, description="each of the guides")


class OptimizerConfig(Record):
    """Muon and AdamW; the schedule is a trapezoid over each stage."""

    matrix_learning_rate: float = Field(default=0.015, gt=0, description="peak, Muon: matrices of the layers")
    learning_rate: float = Field(default=1.5e-3, gt=0, description="peak, AdamW: embeddings, biases, norms")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW")
    weight_decay: float = Field(default=0.01, ge=0, description="Muon")
    warmup_steps: int = Field(default=30, ge=0)
    decay_share: float = Field(default=0.35, gt=0, le=1, description="last share of a stage, over which the rate falls")
    final_share: float = Field(default=0.02, gt=0, le=1, description="least learning rate, as share of the peak")
    max_norm: float = Field(default=1.0, gt=0, description="gradients are clipped to this norm")


class OrganismConfig(Record):
    """The whole recipe. Equal configs on one machine give equal weights, bit for bit, interrupted or not."""

    seed: int = Field(default=0, ge=0)
    shape: ShapeConfig = ShapeConfig()
    reading: ReadingConfig = ReadingConfig()
    labelling: LabellingConfig = LabellingConfig()
    scaffold: ScaffoldConfig = ScaffoldConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    source_bytes: int = Field(default=14_000_000, ge=10_000, description="most bytes of code read from any one source")
    compile: bool = Field(default=True, description="compile the loss; needs a C++ compiler on CPU, doubles the speed")
    tokenizer_pairs: int = Field(default=20_000, ge=1, description="synthetic pairs for fitting the tokenizer")
    unseen_every: int = Field(default=50, ge=2, description="each so many files of code is kept out, for evaluation")
    evaluation_pairs: int = Field(default=40, ge=1, description="unseen pairs per template")
    evaluation_completions: int = Field(default=100, ge=0, description="unseen Python functions to complete")
    checkpoint_every: int = Field(default=100, ge=1, description="steps between checkpoints")

    @property
    def n_steps(self) -> int:
        """Steps of both stages."""
        return self.reading.n_steps + self.labelling.n_steps
