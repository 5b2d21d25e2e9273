"""Templates as data; rendering to text with named character spans, and to tokens."""

from vulnscope.prompts.answers import AnswerForms, AnswerTokens, distinguish, tokenise_with_answers
from vulnscope.prompts.dialogues import DialoguePrompt, DialogueSet, Preset, load_dialogues
from vulnscope.prompts.family import count_shared, encode_families
from vulnscope.prompts.rendering import EncodedPrompt, RenderedPrompt, Span, encode, render
from vulnscope.prompts.templates import POLARITIES, Polarity, Prompt, PromptSet, load_prompts

__all__ = [
    "POLARITIES",
    "AnswerForms",
    "AnswerTokens",
    "DialoguePrompt",
    "DialogueSet",
    "EncodedPrompt",
    "Polarity",
    "Preset",
    "Prompt",
    "PromptSet",
    "RenderedPrompt",
    "Span",
    "count_shared",
    "distinguish",
    "encode",
    "encode_families",
    "load_dialogues",
    "load_prompts",
    "render",
    "tokenise_with_answers",
]
