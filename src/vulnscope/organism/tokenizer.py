"""The organism's tokenizer: byte-level BPE in which a name is the same token wherever it stands.

Ordinary byte-level BPE glues the space before a word to it, so that `total`, ` total` and `(total` hold different
tokens and comparing two names means knowing which tokens spell the same word. Here words never take a neighbour:
spaces go to the operator beside them (`a = b` is `a`, ` = `, `b`), and a line break takes its indentation. Comparing
two names is then comparing two tokens, which a small model can learn, at hardly more tokens than the usual split.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END = "<|end|>"
PAD = "<|pad|>"
END_ID, PAD_ID = 0, 1
_PIECES = r"\r?\n\s*|[A-Za-z_]+|[0-9]{1,3}| ?[^\sA-Za-z0-9_]+ ?|\s+"


def fit_tokenizer(texts: Iterable[str], vocab_size: int, max_tokens: int) -> PreTrainedTokenizerFast:
    """A tokenizer of `vocab_size` entries fitted on `texts`; deterministic in their order."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=max_tokens,
        clean_up_tokenization_spaces=False,
    )


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer saved in `folder`."""
    from transformers import PreTrainedTokenizerFast

    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer
