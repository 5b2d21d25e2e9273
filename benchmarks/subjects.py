"""The models a benchmark runs: random ones of given shapes, and the embedded organism where it is installed."""

from __future__ import annotations

import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vulnscope.errors import MissingPrerequisite
from vulnscope.models import Subject, open_subject, wrap_model

_NARROW = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 5, "num_attention_heads": 4}
_CODER = {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14}
_ORGANISM = {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 6}
_N_FILES = 120


@dataclass(frozen=True)
class Shape:
    """A random Qwen2: its config beyond the defaults, its dtype, and the speed-up the project aims for."""

    name: str
    config: dict[str, Any]
    dtype: torch.dtype
    target: float


SHAPES = {
    "wide-vocabulary": Shape(
        "random Qwen2, 5 layers of width 128, vocabulary 151,936",
        {**_NARROW, "num_key_value_heads": 2, "vocab_size": 151_936},
        torch.float32,
        15.0,
    ),
    "organism": Shape("organism", {**_ORGANISM, "num_key_value_heads": 6, "vocab_size": 4096}, torch.float32, 3.0),
    "coder-0.5b": Shape(
        "random model of Qwen2.5-Coder-0.5B's shape",
        {**_CODER, "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True},
        torch.bfloat16,
        3.0,
    ),
}


def build_subject(key: str, device: torch.device) -> Subject:
    """The subject called `key`; the organism is a random model of its shape where none is installed."""
    shape = SHAPES[key]
    if key == "organism":
        try:
            return open_subject("organism", device=str(device))
        except MissingPrerequisite:
            pass
    config = AutoConfig.for_model("qwen2", max_position_embeddings=32_768, **shape.config)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=shape.dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5)
    name = shape.name if key != "organism" else "random model of the organism's shape"
    return wrap_model(model.eval().to(device), train_tokenizer(), name=name)


def train_tokenizer(vocab_size: int = 4096) -> PreTrainedTokenizerBase:
    """A byte-level BPE of `vocab_size` tokens, trained on the first files of Python's standard library."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:_N_FILES]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(file) for file in files], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
