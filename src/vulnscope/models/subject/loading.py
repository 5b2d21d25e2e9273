"""Weights and tokenizer into memory: safetensors only, complete, quiet, and never phoning home."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Read once when these libraries are imported, hence set before.
for _switch in ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_SAFETENSORS_CONVERSION", "DO_NOT_TRACK"):
    os.environ.setdefault(_switch, "1")

import torch  # noqa: E402

from vulnscope.errors import CorruptData, InputError, MissingPrerequisite, SubjectError  # noqa: E402
from vulnscope.models.subject.files import read_json  # noqa: E402
from vulnscope.models.subject.names import DTYPE_NAMES, check_names  # noqa: E402

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = {name: getattr(torch, name) for name in DTYPE_NAMES}
_GENERIC_TOKENIZERS = ("TokenizersBackend", "PreTrainedTokenizerFast")
# Below this compute capability bfloat16 is only emulated.
_BF16_CAPABILITY = (8, 0)


def pick_device(name: str) -> torch.device:
    """The device called `name`; `auto` is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}; choose auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise InputError(f"device {name!r} does not exist; torch sees {torch.cuda.device_count()} CUDA devices")
    return device


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype called `name`; `auto` is float32 except on devices with native bfloat16."""
    if name == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.get_device_capability(device) >= _BF16_CAPABILITY
        return torch.bfloat16 if has_bf16 else torch.float32
    check_names(name, "auto", None)
    found: torch.dtype = DTYPES[name]
    return found


def load_model(
    folder: Path, dtype: torch.dtype, device: torch.device, quantize: str | None, trust_remote_code: bool
) -> PreTrainedModel:
    """The causal language model in `folder`, in eval mode on `device`."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    arguments: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "trust_remote_code": trust_remote_code}
    if quantize is not None:
        arguments |= {"quantization_config": _quantization(quantize, dtype), "device_map": {"": device}}
    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, **arguments
            )
    except SafetensorError as error:
        raise CorruptData(f"weights in {folder} are damaged: {error}; download them again") from error
    except Exception as error:  # whatever a config of strangers breaks in the libraries that build from it
        raise explain(folder, error) from error
    model: PreTrainedModel = loaded[0]
    report: dict[str, Any] = loaded[1]
    if report["missing_keys"]:
        missing = sorted(report["missing_keys"])
        raise CorruptData(
            f"weights in {folder} lack {len(missing)} tensors, {missing[0]} among them; they would be random"
        )
    if quantize is None:
        model.to(device)  # type: ignore[arg-type]  # a decorated method of transformers
    model.eval().requires_grad_(requires_grad=False)
    return model


def load_adapter(model: PreTrainedModel, folder: Path) -> None:
    """Put the PEFT adapter in `folder` into `model`, in place.

    Raises `InputError` where not all of its tensors land, or the model waits for others: it would answer as another.
    """
    if find_spec("peft") is None:
        raise MissingPrerequisite("adapters need peft: pip install 'vulnscope[tune]'")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        # PEFT stores DoRA's magnitudes without the last part of their name; transformers would not find their place.
        tensors = {
            f"{name}.weight" if name.endswith("lora_magnitude_vector") else name: tensor
            for name, tensor in load_file(folder / "adapter_model.safetensors").items()
        }
        with quiet():
            report: Any = model.load_adapter(str(folder), adapter_state_dict=tensors)
    except SafetensorError as error:
        raise CorruptData(f"adapter {folder} is damaged: {error}; download it again") from error
    except Exception as error:  # as above
        raise InputError(f"adapter {folder} does not fit {model.config.model_type}: {_first_line(error)}") from error
    for keys, what in ((report.unexpected_keys, "has no place for"), (report.missing_keys, "waits in vain for")):
        if keys:
            raise InputError(
                f"adapter {folder} does not fit {model.config.model_type}: the model {what} {len(keys)} tensors, "
                f"{min(keys)} among them. Was it trained on this model?"
            )
    model.eval().requires_grad_(requires_grad=False)


def load_tokenizer(folder: Path, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """The tokenizer in `folder`; one without pad or eos is fine, nothing here pads with it."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # AutoTokenizer goes by the model's type and would split words by that family's rules; a folder that names no
    # class of a family has its whole tokenizer in tokenizer.json.
    loader = PreTrainedTokenizerFast if _is_self_contained(folder) else AutoTokenizer
    try:
        with quiet():
            return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=trust_remote_code)
    except Exception as error:  # as above
        raise InputError(f"{folder} holds no usable tokenizer: {_first_line(error)}") from error


def _quantization(name: str, dtype: torch.dtype) -> Any:
    check_names("auto", "auto", name)
    if find_spec("bitsandbytes") is None or find_spec("accelerate") is None:
        raise MissingPrerequisite("nf4 needs bitsandbytes: pip install 'vulnscope[tune]'")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def use_differentiable_kernels(model: PreTrainedModel) -> None:
    """Keep bitsandbytes 0.50 from packing 4-bit weights in place at the first evaluation on CPUs with avx512_bf16.

    Packed weights run through a kernel without autograd: later training fails, or silently gets wrong gradients.
    """
    switch = "support_avx512bf16_for_cpu"
    for module in model.modules():
        if hasattr(module, switch):
            setattr(module, switch, False)


def explain(folder: Path, error: Exception) -> InputError | SubjectError:
    """What a failure of transformers to build the model in `folder` means to the user."""
    text = str(error)
    if "trust_remote_code" in text:
        return InputError(f"{folder} brings its own Python code; read it, then allow it with --trust-remote-code")
    if "for this kind of AutoModel" in text:
        return InputError(f"{folder} is no causal language model: {_first_line(error)}")
    return SubjectError(f"{folder} cannot be loaded: {type(error).__name__}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no notices of transformers inside the block."""
    from transformers.utils import logging

    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()


def _is_self_contained(folder: Path) -> bool:
    """Whether the folder's tokenizer is the generic one, defined by tokenizer.json alone."""
    is_generic = read_json(folder / "tokenizer_config.json").get("tokenizer_class") in _GENERIC_TOKENIZERS
    return is_generic and (folder / "tokenizer.json").is_file()
