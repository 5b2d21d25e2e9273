"""A model built from its config alone, on the meta device: all shapes and no weights, for estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from vulnscope.models.forward.architecture import Architecture, map_architecture
from vulnscope.models.subject.files import resolve_folder
from vulnscope.models.subject.loading import explain, load_tokenizer, pick_device, pick_dtype, quiet
from vulnscope.models.subject.names import check_names

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# Four bits, one 8-bit scale per 64 weights, and one float32 scale per 256 of those (QLoRA, Dettmers et al. 2023).
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


@dataclass(frozen=True, eq=False)
class Sketch:
    """The shapes of a model. `device` is where it would run, `tokenizer` None where its folder holds none."""

    name: str
    model: PreTrainedModel
    architecture: Architecture
    device: torch.device
    tokenizer: PreTrainedTokenizerBase | None
    quantization: str | None

    @property
    def layers(self) -> list[nn.Module]:
        """The decoder layers, bottom first."""
        return self.architecture.layers(self.model)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of activations, and of weights that are not quantised."""
        return self.model.dtype

    @property
    def n_parameters(self) -> int:
        """Weights, tied ones once."""
        return int(self.model.num_parameters())

    @property
    def weights_bytes(self) -> int:
        """Bytes the weights would take; with nf4 the linear maps of the layers are 4 bits each and their scales."""
        whole = int(self.model.get_memory_footprint())
        if self.quantization is None:
            return whole
        # A decoder layer's matrices are its linear maps; embeddings and head stay as they are.
        packed = sum(weight.numel() for layer in self.layers for weight in layer.parameters() if weight.ndim == 2)
        return whole - round(packed * (self.dtype.itemsize - _NF4_BYTES))


def sketch_model(
    name: str,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    quantize: str | None = None,
    *,
    trust_remote_code: bool = False,
    layers_path: str | None = None,
) -> Sketch:
    """The shapes of the model called `name`, from its config.json; of a Hub model only config and tokenizer are read.

    Raises `InputError` for what is no causal language model, and `SubjectError` where its layers cannot be found.
    """
    check_names("auto", "auto", quantize)
    folder = resolve_folder(name, revision, trust_remote_code, has_weights=False).path
    target = pick_device(device)
    model = _build_folder(folder, pick_dtype(dtype, target), trust_remote_code)
    return Sketch(
        name=name,
        model=model,
        architecture=map_architecture(model, layers_path),
        device=target,
        tokenizer=_find_tokenizer(folder, trust_remote_code),
        quantization=quantize,
    )


def sketch_config(name: str, config: PretrainedConfig, dtype: torch.dtype, device: torch.device) -> Sketch:
    """The shapes of the model that `config` describes, without a tokenizer."""
    model = _build(config, dtype, trust_remote_code=False)
    return Sketch(name, model, map_architecture(model), device, tokenizer=None, quantization=None)


def _build_folder(folder: Path, dtype: torch.dtype, trust_remote_code: bool) -> PreTrainedModel:
    from transformers import AutoConfig

    try:
        with quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
            return _build(config, dtype, trust_remote_code)
    except (ValueError, KeyError, OSError, RuntimeError, ImportError, TypeError) as error:
        raise explain(folder, error) from error


def _build(config: PretrainedConfig, dtype: torch.dtype, trust_remote_code: bool) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=trust_remote_code)
    built: PreTrainedModel = model.eval()
    return built


def _find_tokenizer(folder: Path, trust_remote_code: bool) -> PreTrainedTokenizerBase | None:
    """None where there is none: an estimate can do without. One that is there and does not load is an error."""
    is_there = any((folder / file).is_file() for file in _TOKENIZER_FILES)
    return load_tokenizer(folder, trust_remote_code) if is_there else None
