"""Opening a model under study: where its files are, whether they are safe to load, and what it can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

import torch

from vulnscope.errors import InputError, MissingPrerequisite
from vulnscope.models.forward.architecture import Architecture, map_architecture
from vulnscope.models.subject.files import digest_files, locate_model
from vulnscope.models.subject.loading import (
    load_adapter,
    load_model,
    load_tokenizer,
    pick_device,
    pick_dtype,
    use_differentiable_kernels,
)
from vulnscope.models.subject.selfcheck import check_lengths, check_model, list_switches
from vulnscope.models.subject.variants import apply_variant
from vulnscope.models.subject.vocabulary import check_vocabulary
from vulnscope.records.audit import SubjectInfo
from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.subject import Capabilities

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Backend = Literal["hooks", "nnsight"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A model opened for study: weights, tokenizer, the map of its layers, and what its self-check proved."""

    name: str
    revision: str | None
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    architecture: Architecture
    capabilities: Capabilities
    digest: str
    n_parameters: int
    quantization: str | None = None
    adapter: str | None = None
    backend: Backend = "hooks"
    _trusted: dict[int, Capabilities] = field(default_factory=dict, repr=False)

    def trusted(self, longest: int) -> Capabilities:
        """What holds for rows of up to `longest` tokens: the self-check, and what the model does beyond its lengths.

        What is proven anew, or switched off, is kept, and told by `info`.
        """
        switch = max((s for s in list_switches(self.model) if s < longest), default=0)
        if switch not in self._trusted:
            self._trusted[switch] = (
                check_lengths(self.model, self.architecture, self.capabilities, switch) if switch else self.capabilities
            )
        return self._trusted[switch]

    @property
    def layers(self) -> list[nn.Module]:
        """The decoder layers, bottom first."""
        return self.architecture.layers(self.model)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of weights that are not quantised, and of activations."""
        return self.model.dtype

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.model.device

    @property
    def max_positions(self) -> int | None:
        """Longest sequence in tokens, or None where the architecture sets no limit."""
        return self.architecture.max_positions

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens that end a generation, from generation config, config or tokenizer; may be empty."""
        sources = (self.model.generation_config, self.model.config, self.tokenizer)
        found = next((ids for source in sources if (ids := getattr(source, "eos_token_id", None)) is not None), ())
        return (found,) if isinstance(found, int) else tuple(found)

    def _switched_off(self) -> tuple[str, ...]:
        """`name: reason`, once each, of what was not proven at the lengths that were run."""
        met = (self.capabilities, *(self._trusted[switch] for switch in sorted(self._trusted)))
        return tuple(dict.fromkeys(reason for each in met for reason in each.switched_off()))

    def info(self, noise_floor: Number | None = None) -> SubjectInfo:
        """What a report says about this subject."""
        return SubjectInfo(
            name=self.name,
            revision=self.revision,
            subject_digest=self.digest,
            architecture=self.architecture.model_type,
            n_layers=self.architecture.n_layers,
            d_model=self.architecture.d_model,
            n_parameters=self.n_parameters,
            dtype=str(self.dtype).removeprefix("torch."),
            device=str(self.device),
            quantization=self.quantization,
            adapter=self.adapter,
            chat_template=self.tokenizer.chat_template is not None,
            switched_off=self._switched_off(),
            noise_floor_nats=NotMeasured(reason="not asked for") if noise_floor is None else noise_floor,
        )


def open_subject(
    name: str,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    quantize: str | None = None,
    adapter: str | None = None,
    *,
    trust_remote_code: bool = False,
    layers_path: str | None = None,
    self_check: bool = True,
    backend: Backend = "hooks",
) -> Subject:
    """The subject behind a Hub id, a local folder, `organism` or one of its variants, as in `organism:biased`.

    `auto` is CUDA where there is one; float32 on CPU, bfloat16 on devices of compute capability >= 8.0. Weights load
    from safetensors only. With `backend="nnsight"`, a slow independent check, captures and scores under added vectors
    run by nnsight instead of our hooks. Raises `InputError` for names and folders that do not exist, `CorruptData` for
    weights that are damaged or incomplete, `MissingPrerequisite` for packages that are missing, and `SubjectError` for
    models whose layers cannot be found or hooked.
    """
    if backend not in get_args(Backend):
        raise InputError(f"unknown backend {backend!r}; choose one of: {', '.join(get_args(Backend))}")
    if backend == "nnsight" and find_spec("nnsight") is None:
        raise MissingPrerequisite("the nnsight backend needs nnsight: pip install 'nnsight>=0.7'")
    target = pick_device(device)
    located, adapter_folder = locate_model(name, revision, quantize, adapter, trust_remote_code=trust_remote_code)
    model = load_model(located.path, pick_dtype(dtype, target), target, quantize, trust_remote_code)
    if located.variant:
        apply_variant(model, located.path, located.variant)
    if adapter_folder:
        load_adapter(model, adapter_folder)
    return wrap_model(
        model,
        load_tokenizer(located.path, trust_remote_code),
        name=name,
        revision=located.revision,
        digest=digest_files(located.path, adapter_folder, quantize, located.variant),
        quantize=quantize,
        adapter=adapter,
        layers_path=layers_path,
        self_check=self_check,
        backend=backend,
    )


def wrap_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str,
    digest: str = "in-memory",
    revision: str | None = None,
    quantize: str | None = None,
    adapter: str | None = None,
    layers_path: str | None = None,
    self_check: bool = True,
    backend: Backend = "hooks",
) -> Subject:
    """The subject around a model that is already in memory and in eval mode."""
    check_vocabulary(model, tokenizer, name)
    use_differentiable_kernels(model)
    architecture = map_architecture(model, layers_path)
    return Subject(
        name=name,
        revision=revision,
        model=model,
        tokenizer=tokenizer,
        architecture=architecture,
        capabilities=check_model(model, architecture) if self_check else Capabilities(),
        digest=digest,
        n_parameters=model.num_parameters(),
        quantization=quantize,
        adapter=adapter,
        backend=backend,
    )
