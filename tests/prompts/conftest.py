from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m.content | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """A byte-level tokenizer with chosen merges in order of priority, e.g. `["Y+e", "Ye+s"]`."""

    def make(
        merges: Sequence[str] = (), *, has_bos: bool = True, appends_end: bool = False, is_chat: bool = False
    ) -> PreTrainedTokenizerFast:
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        vocab = {letter: number for number, letter in enumerate(letters)}
        pairs = []
        for merge in merges:
            left, right = merge.replace(" ", "Ġ").replace("\n", "Ċ").split("+")
            pairs.append((left, right))
            vocab[left + right] = len(vocab)
        tokenizer = Tokenizer(models.BPE(vocab, pairs))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([AddedToken(text, special=True) for text in ("<s>", "<|end|>", "<|user|>")])
        if has_bos:
            end = " <|end|>" if appends_end else ""
            ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "<|end|>")]
            tokenizer.post_processor = processors.TemplateProcessing(single=f"<s> $A{end}", special_tokens=ids)
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            bos_token="<s>",
            eos_token="<|end|>",
            chat_template=CHAT_TEMPLATE if is_chat else None,
        )

    return make
