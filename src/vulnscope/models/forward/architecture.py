"""Where a model keeps its decoder layers, found by rule and never by the model's name.

The decoder layers are the one `ModuleList` whose length is `config.num_hidden_layers`. Attention and
feed-forward modules inside a layer are looked up among its direct children; what is found there is only a
candidate until the self-check has proven it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch import nn

from vulnscope.errors import InputError, SubjectError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ATTENTION_NAMES = ("self_attn", "attn", "attention", "self_attention")
MLP_NAMES = ("mlp", "ffn", "feed_forward", "block_sparse_moe", "shared_mlp")
_POSITION_FIELDS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
_FORWARD_ARGUMENTS = ("attention_mask", "position_ids", "past_key_values", "use_cache")
# These carry their whole past in a state of fixed size; the field is a default nobody enforces.
_UNBOUNDED = ("mamba", "mamba2", "rwkv", "bloom", "mpt")


@dataclass(frozen=True)
class Branch:
    """A candidate module inside one layer, or the reason why there is none."""

    path: str | None
    reason: str = ""
    adds_residual: bool = False


@dataclass(frozen=True)
class Architecture:
    """The map of one model: shapes from config and weights, paths of its layers and their branches."""

    model_type: str
    layers_path: str
    n_layers: int
    d_model: int
    vocab_size: int
    max_positions: int | None
    attention: tuple[Branch, ...]
    mlp: tuple[Branch, ...]
    accepts: frozenset[str]

    def branch(self, layer: int, stream: str) -> Branch:
        """Where `attn_out`, `mlp_in` or `mlp_out` of `layer` would be read."""
        found = (self.attention if stream == "attn_out" else self.mlp)[layer]
        if found.adds_residual and stream.endswith("_out"):
            return Branch(None, f"its module {found.path!r} adds the residual itself")
        return found

    def layers(self, model: nn.Module) -> list[nn.Module]:
        """The decoder layers of `model`, bottom first."""
        return list(model.get_submodule(self.layers_path).children())


def map_architecture(model: PreTrainedModel, layers_path: str | None = None) -> Architecture:
    """The map of `model`; raises `SubjectError` where the layer list is missing or ambiguous."""
    config = model.config.get_text_config(decoder=True)
    path = _checked_path(model, layers_path) if layers_path else find_layers_path(model)
    layers = list(model.get_submodule(path).children())
    parameters = inspect.signature(model.forward).parameters
    return Architecture(
        model_type=str(config.model_type),
        layers_path=path,
        n_layers=len(layers),
        d_model=int(config.hidden_size),
        vocab_size=_vocab_size(model, config),
        max_positions=_max_positions(config),
        attention=tuple(_find_branch(layer, ATTENTION_NAMES, "attention") for layer in layers),
        mlp=tuple(_find_branch(layer, MLP_NAMES, "feed-forward") for layer in layers),
        accepts=frozenset(name for name in _FORWARD_ARGUMENTS if name in parameters),
    )


def find_layers_path(model: PreTrainedModel) -> str:
    """Path of the one `ModuleList` as long as the config says the decoder is."""
    n_layers = int(model.config.get_text_config(decoder=True).num_hidden_layers)
    lists = {name: len(module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    fitting = [name for name, length in lists.items() if length == n_layers]
    if len(fitting) == 1:
        return str(fitting[0])
    shown = ", ".join(f"{name} ({length})" for name, length in lists.items() if not fitting or name in fitting)
    problem = "several module lists could be" if fitting else "no module list is"
    raise SubjectError(
        f"{type(model).__name__}: {problem} the {n_layers} decoder layers of its config. "
        f"Candidates with their lengths: {shown or 'none'}. Name the right one with --layers-path PATH "
        "(layers_path= from Python)."
    )


def _checked_path(model: nn.Module, path: str) -> str:
    modules = dict(model.named_modules())
    if isinstance(modules.get(path), nn.ModuleList | nn.Sequential) and len(list(modules[path].children())) > 0:
        return path
    lists = [name for name, module in modules.items() if isinstance(module, nn.ModuleList | nn.Sequential)]
    raise InputError(f"--layers-path {path!r} is no list of layers; this model has: {', '.join(lists) or 'none'}")


def _find_branch(layer: nn.Module, names: tuple[str, ...], kind: str) -> Branch:
    children = dict(layer.named_children())
    found = [name for name in names if name in children]
    if not found:
        return Branch(None, f"no {kind} module (children: {', '.join(children)})")
    if len(found) > 1:
        return Branch(None, f"several {kind} modules ({', '.join(found)})")
    parameters = inspect.signature(children[found[0]].forward).parameters
    return Branch(found[0], adds_residual="residual" in parameters)


def _vocab_size(model: PreTrainedModel, config: Any) -> int:
    head = model.get_output_embeddings()
    weight = getattr(head, "weight", None)
    return int(getattr(head, "out_features", 0) or (weight.shape[0] if weight is not None else config.vocab_size))


def _max_positions(config: Any) -> int | None:
    if config.model_type in _UNBOUNDED:
        return None
    for field in _POSITION_FIELDS:
        value = getattr(config, field, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


class Shaped(Protocol):
    """What estimates need of a subject; a sketch has it too."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> PreTrainedModel: ...  # noqa: D102
    @property
    def architecture(self) -> Architecture: ...  # noqa: D102
    @property
    def layers(self) -> list[nn.Module]: ...  # noqa: D102
    @property
    def dtype(self) -> torch.dtype: ...  # noqa: D102
    @property
    def device(self) -> torch.device: ...  # noqa: D102
