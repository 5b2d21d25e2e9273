"""Whether a tokenizer and a model belong together, and whether an answer can end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from vulnscope.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_log = logging.getLogger(__name__)


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Raise `InputError` where the tokenizer writes tokens that the model has no embedding for.

    Tokens added to the vocabulary are not counted: of many models they were never trained, and are never written.
    Warns where the token that should end an answer does not exist.
    """
    embedding: Any = model.get_input_embeddings()
    n_embedded = int(embedding.weight.shape[0])
    n_known = int(getattr(tokenizer, "vocab_size", 0) or 0)
    if n_known > n_embedded:
        raise InputError(
            f"{name!r}: the tokenizer knows {n_known:,} tokens, the model has embeddings for {n_embedded:,}; they do "
            "not belong together. Take both from the same release"
        )
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    listed = ends if isinstance(ends, list) else [ends]
    outside = [end for end in listed if isinstance(end, int) and not 0 <= end < n_embedded]
    if outside:
        _log.warning(
            "%s: its settings end an answer at token %d, which its vocabulary of %d does not have; answers in words "
            "go on to the longest that is allowed", name, outside[0], n_embedded,
        )  # fmt: skip
