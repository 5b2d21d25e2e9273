"""What an intervention costs elsewhere: ordinary code, questions about something else, and code it writes.

KL is taken as KL(clean ‖ edited) after sampled positions of ordinary code; for an edit at the last token each sampled
position plays the last. Off-target questions ask what the syntax tree knows: "does it contain a loop?".
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vulnscope.ask.scored.items import read_log_odds
from vulnscope.ask.scored.yes_no import greedy_answer
from vulnscope.corpora.code.syntax import GRAMMARS, parse, walk
from vulnscope.corpora.code.text import is_python
from vulnscope.corpora.ordinary import load_ordinary
from vulnscope.effects.reading.next_token import read_next
from vulnscope.models import TokenText, edited, generate, read_text, score
from vulnscope.prompts import AnswerForms, Prompt, encode, render
from vulnscope.records.base import NotMeasured, Number
from vulnscope.records.steer import SideEffects
from vulnscope.stats import auroc

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Sample
    from vulnscope.models import Edit, Subject
    from vulnscope.prompts import AnswerTokens

_LOOPS = frozenset({"for_statement", "while_statement", "do_statement", "for_range_loop"})
_LOOP = Prompt(
    name="loop",
    vulnerable="Does this code contain a loop? Answer yes or no.",
    secure="Is this code free of loops? Answer yes or no.",
)
_MODULES = ("bisect.py", "fnmatch.py", "heapq.py", "shlex.py", "textwrap.py", "statistics.py", "string.py")
_N_FUNCTIONS, _POSITIONS_EACH, _N_CONTINUATIONS, _NEW_TOKENS = 24, 3, 12, 50
_HEAD_LINES, _LONGEST_HEAD = 3, 12
_BATCH = 16


@dataclass(frozen=True, eq=False)
class Ordinary:
    """Positions of ordinary code: what stands before each, and the token that follows."""

    cut: tuple[TokenText, ...]
    following: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Probes:
    """What side effects are measured on, fixed before any edit."""

    ordinary: Ordinary
    questions: tuple[TokenText, ...]
    answers: tuple[AnswerTokens, ...]
    has_loop: np.ndarray
    heads: tuple[tuple[str, TokenText], ...]


def build_probes(
    subject: Subject, protocol: YesNoProtocol, samples: Sequence[Sample], ordinary: str | None, seed: int
) -> Probes:
    """Positions of ordinary code, loop questions about `samples`, and heads of ordinary functions to be continued."""
    functions = ordinary_functions(ordinary, seed)
    questions, answers, has_loop = _ask_loops(subject, protocol, samples)
    heads = tuple((head, read_text(subject.tokenizer, head)) for head in _heads(functions)[:_N_CONTINUATIONS])
    return Probes(build_ordinary(subject, functions, seed), questions, answers, has_loop, heads)


def build_ordinary(subject: Subject, functions: Sequence[str], seed: int) -> Ordinary:
    """A few positions of each function, drawn by seed."""
    generator = np.random.default_rng(seed)
    cut, following = [], []
    for code in functions:
        item = read_text(subject.tokenizer, code, spans={"code": (0, len(code))})
        limit = min(len(item.tokens), subject.max_positions or len(item.tokens))
        for position in generator.permutation(np.arange(4, limit - 1))[:_POSITIONS_EACH].tolist():
            cut.append(_cut_item(item, position + 1))
            following.append(item.tokens[position + 1])
    return Ordinary(tuple(cut), tuple(following))


@dataclass(frozen=True)
class CleanSide:
    """What the un-steered subject does on the probes: measured once for all interventions."""

    ordinary: Float[Tensor, "n_positions vocab"]
    loops: tuple[Number, Number, Number]
    parses: Number


def measure_clean_side(subject: Subject, probes: Probes) -> CleanSide:
    """Answers and continuations without any edit."""
    return CleanSide(
        read_ordinary(subject, probes.ordinary), _answer_loops(subject, (), probes), _continue(subject, (), probes)
    )


def measure_side_effects(subject: Subject, edits: Sequence[Edit], probes: Probes, clean_side: CleanSide) -> SideEffects:
    """Every cost of `edits`, clean beside edited; what they cannot be applied to is not measured and says so."""
    if any(edit.selector.kind in ("changed", "answer", "lines", "characters") for edit in edits):
        missing = NotMeasured(reason="the edited tokens exist in the studied code only")
        costs: tuple[Number, Number, Number] = (missing, missing, missing)
    else:
        costs = compare_ordinary(clean_side.ordinary, read_ordinary(subject, probes.ordinary, edits), probes.ordinary)
    divergence, clean, after = costs
    loops = _answer_loops(subject, edits, probes)
    return SideEffects(
        kl_nats=divergence,
        perplexity_clean=clean,
        perplexity_edited=after,
        off_target_clean=clean_side.loops[0],
        off_target_edited=loops[0],
        off_target_yes_clean=clean_side.loops[1],
        off_target_yes_edited=loops[1],
        off_target_unparsed=loops[2],
        parses_clean=clean_side.parses,
        parses_edited=_continue(subject, edits, probes),
        n_positions=len(probes.ordinary.cut),
        n_questions=len(probes.questions),
        n_continuations=len(probes.heads),
    )


def ordinary_functions(folder: str | None, seed: int) -> list[str]:
    """Functions of ordinary code: those under `folder`, or of a few modules of Python's standard library."""
    if folder is not None:
        found = load_ordinary(Path(folder), limit=_N_FUNCTIONS, seed=seed).corpus
        return [sample.code for sample in found.samples]
    library = Path(sysconfig.get_paths()["stdlib"])
    functions = []
    for name in _MODULES:
        text = (library / name).read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            source = ast.get_source_segment(text, node) or ""
            if isinstance(node, ast.FunctionDef) and 6 <= source.count("\n") <= 40:
                functions.append(source + "\n")
    order = np.random.default_rng(seed).permutation(len(functions))[:_N_FUNCTIONS]
    return [functions[place] for place in order.tolist()]


@torch.inference_mode()
def read_ordinary(
    subject: Subject, ordinary: Ordinary, edits: Sequence[Edit] = ()
) -> Float[Tensor, "n_positions vocab"]:
    """Log-probabilities of the next token at each position of ordinary code, on the CPU."""
    found = []
    for start in range(0, len(ordinary.cut), _BATCH):
        items = list(ordinary.cut[start : start + _BATCH])
        with _under(subject, edits, items):
            found.append(read_next(subject, items).cpu())
    return torch.cat(found) if found else torch.empty(0, 0)


def compare_ordinary(
    clean: Float[Tensor, "n_positions vocab"], after: Float[Tensor, "n_positions vocab"], ordinary: Ordinary
) -> tuple[Number, Number, Number]:
    """KL(clean ‖ after) in nats, and the perplexity of what follows under each."""
    if not len(clean):
        missing = NotMeasured(reason="no ordinary code long enough")
        return missing, missing, missing
    following = torch.tensor(ordinary.following)[:, None]
    divergence = (clean.exp() * (clean - after)).sum(-1).mean()
    losses = torch.stack([-each.gather(-1, following)[:, 0] for each in (clean, after)])
    mean = losses.mean(1).exp()
    return max(0.0, float(divergence)), float(mean[0]), float(mean[1])


def _answer_loops(subject: Subject, edits: Sequence[Edit], probes: Probes) -> tuple[Number, Number, Number]:
    """AUROC of the answers' log-odds, share of yes, share without an answer."""
    if not probes.questions:
        missing = NotMeasured(reason="no grammar for the language of these samples")
        return missing, missing, missing
    usable = _usable(edits, probes.questions)
    with _under(subject, usable):
        scores = score(subject, probes.questions, [answers.sequences for answers in probes.answers])
    odds = [read_log_odds(answers, each)[0] for answers, each in zip(probes.answers, scores, strict=True)]
    said = [greedy_answer(answers, each) for answers, each in zip(probes.answers, scores, strict=True)]
    return auroc(odds, probes.has_loop), said.count("yes") / len(said), said.count("unparsed") / len(said)


def _continue(subject: Subject, edits: Sequence[Edit], probes: Probes) -> Number:
    """Share of greedy continuations whose complete lines still parse together with their head."""
    limit = subject.max_positions
    fitting = [(h, item) for h, item in probes.heads if limit is None or len(item.tokens) + _NEW_TOKENS <= limit]
    if not fitting:
        return NotMeasured(reason="no head of a function leaves room for 50 tokens")
    if len(_usable(edits, [item for _, item in fitting])) < len(edits):
        return NotMeasured(reason="the edited tokens exist in the studied code only")
    with _under(subject, edits):
        found = generate(subject, [item for _, item in fitting], _NEW_TOKENS)
    return float(np.mean([is_python(head, each.text) for (head, _), each in zip(fitting, found, strict=True)]))


def _under(
    subject: Subject, edits: Sequence[Edit], items: Sequence[TokenText] | None = None
) -> AbstractContextManager[Any]:
    return edited(subject, edits, items, check=False) if edits else nullcontext()


def _usable(edits: Sequence[Edit], items: Sequence[TokenText]) -> list[Edit]:
    """The edits whose selector picks something in each of `items`."""
    known = {part for item in items for part in item.spans}
    return [
        edit
        for edit in edits
        if edit.selector.kind in ("last", "all", "prompt")
        or (edit.selector.kind == "part" and edit.selector.part in known)
    ]


def _ask_loops(
    subject: Subject, protocol: YesNoProtocol, samples: Sequence[Sample]
) -> tuple[tuple[TokenText, ...], tuple[AnswerTokens, ...], np.ndarray]:
    forms = AnswerForms(protocol.prompts.answers, subject.tokenizer)
    items, answers, truths = [], [], []
    for sample in samples:
        if sample.language not in GRAMMARS:
            continue
        rendered = render(
            protocol.prompts, _LOOP, "vulnerable", language=sample.language, code=sample.code, chat=protocol.chat
        )
        (encoded,) = encode([rendered], subject.tokenizer, with_offsets=True)
        if subject.max_positions is not None and len(encoded.token_ids) + 8 > subject.max_positions:
            continue
        items.append(
            TokenText(
                encoded.token_ids, sample.id, text=rendered.text, offsets=encoded.offsets, spans=dict(rendered.spans)
            )
        )
        answers.append(forms.after(rendered, encoded))
        truths.append(any(node.type in _LOOPS for node in walk(parse(sample.code, sample.language).root_node)))
    return tuple(items), tuple(answers), np.array(truths, dtype=bool)


def _cut_item(item: TokenText, n: int) -> TokenText:
    assert item.text is not None
    return TokenText(item.tokens[:n], text=item.text, offsets=item.offsets and item.offsets[:n], spans=item.spans)


def _heads(functions: Sequence[str]) -> list[str]:
    """The first lines of each function, as few as parse by themselves and leave something to be written."""
    heads = []
    for code in functions:
        lines = code.splitlines()
        starts = ("\n".join(lines[:n]) + "\n" for n in range(_HEAD_LINES, min(_LONGEST_HEAD, len(lines) - 1) + 1))
        if (head := next((start for start in starts if is_python("", start)), None)) is not None:
            heads.append(head)
    return heads
