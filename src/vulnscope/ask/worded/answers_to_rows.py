"""Replies to answers, and answers to rows; again from the stored text, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vulnscope.ask.labels import log_sum_exp
from vulnscope.ask.worded.parsers.strict import read_meaning
from vulnscope.records.answers import VOTES, AnswerRow, Expectation, Match, Parsed, Row, TextAnswer
from vulnscope.records.rows import Says

if TYPE_CHECKING:
    from vulnscope.ask.asks import Ask, PreparedAsk, Reply
    from vulnscope.corpora import Sample
    from vulnscope.corpora.cwe.weaknesses import Weaknesses


class Parser(Protocol):
    """A registered rule from text to verdict."""

    def __call__(self, text: str, expects: Expectation, *, is_finished: bool = True) -> Parsed:
        """What `text` says; never raises."""
        ...


class Reader(NamedTuple):
    """A parser by name, and the catalogue that CWEs are matched on, where there is one."""

    name: str
    parse: Parser
    weaknesses: Weaknesses | None = None

    def read(self, sample: Sample, prepared: PreparedAsk, reply: Reply) -> TextAnswer:
        """The answer about `sample` that `reply` gives."""
        ask = prepared.ask
        note = prepared.refusal or reply.refusal
        if note:
            parsed = Parsed(state="cut")
        elif reply.is_declined:
            parsed, note = Parsed(state="refused"), "declined, by the server's own word"
        elif reply.label_log_probs is not None:
            parsed = _read_labels(ask.expects, reply)
        else:
            parsed = self._parse(reply.turns, ask.expects, reply.is_finished)
        return TextAnswer(
            prompt=ask.prompt,
            repeat=ask.repeat,
            temperature=ask.temperature,
            seed=ask.seed,
            turns=reply.turns,
            is_finished=reply.is_finished,
            expects=ask.expects,
            log_odds=None if note or reply.label_log_probs is None else _log_odds(ask, reply.label_log_probs),
            n_prompt_tokens=reply.n_prompt_tokens,
            n_new_tokens=reply.n_new_tokens,
            cut=prepared.cut,
            note=note,
            has_impossible=reply.has_impossible,
            **self._found(sample, parsed),
        )

    def read_again(self, sample: Sample, answer: TextAnswer) -> TextAnswer:
        """A stored answer under this parser; scored ones, and those that were never asked, stay as they are."""
        if not answer.turns or answer.note:
            return answer
        parsed = self._parse(answer.turns, answer.expects, answer.is_finished)
        found = self._found(sample, parsed)
        if self.weaknesses is None and parsed.cwes == answer.cwes:
            found["cwe_match"] = answer.cwe_match
        return answer.model_copy(update=found)

    def _parse(self, turns: Sequence[str], expects: Expectation, is_finished: bool) -> Parsed:
        return self.parse(turns[-1] if turns else "", expects, is_finished=is_finished)

    def _found(self, sample: Sample, parsed: Parsed) -> dict[str, object]:
        return {**dict(parsed), "cwe_match": self._match(sample, parsed)}

    def _match(self, sample: Sample, parsed: Parsed) -> Match | None:
        if self.weaknesses is None or sample.label != "vulnerable" or not sample.cwes:
            return None
        return self.weaknesses.match(sample.cwes, next(iter(parsed.cwes), None))


def make_row(
    sample: Sample,
    answers: Sequence[TextAnswer],
    *,
    protocol: str,
    parser: str,
    counterpart: str | None,
) -> AnswerRow:
    """The row of a sample from its answers, canonical first; `counterpart` names the canonical prompt's reverse."""
    canonical = answers[0]
    scored = [answer.log_odds for answer in answers if answer.log_odds is not None]
    margin, acquiescence = VOTES[canonical.says], None
    if canonical.log_odds is not None:
        reverse = next((a.log_odds for a in answers if a.prompt == counterpart and a.log_odds is not None), None)
        margin = canonical.log_odds if reverse is None else (canonical.log_odds + reverse) / 2
        acquiescence = None if reverse is None else (canonical.log_odds - reverse) / 2
    return AnswerRow(
        sample=sample.id,
        protocol=protocol,
        parser=parser,
        readout="text" if canonical.log_odds is None else "log-odds",
        answers=tuple(answers),
        margin=margin,
        acquiescence=acquiescence,
        mean_margin=fmean([VOTES[a.says] for a in answers] if canonical.log_odds is None else scored),
        says=canonical.says,
        state=canonical.state,
        n_prompt_tokens=canonical.n_prompt_tokens,
        cut=canonical.cut,
    )


def unify_readouts(rows: Sequence[Row]) -> tuple[Row, ...]:
    """`rows` with margins on one scale: votes throughout where any row has no log-odds."""
    is_text = any(row.readout == "text" for row in rows)
    return tuple(row.as_votes() if is_text else row for row in rows)


def read_row_again(row: AnswerRow, sample: Sample, reader: Reader) -> AnswerRow:
    """A stored row with every text parsed anew."""
    answers = tuple(reader.read_again(sample, answer) for answer in row.answers)
    changes: dict[str, object] = {"parser": reader.name, "answers": answers}
    changes |= {"says": answers[0].says, "state": answers[0].state}
    changed = row.model_copy(update=changes)
    return changed.as_votes() if row.readout == "text" else changed


def _read_labels(expects: Expectation, reply: Reply) -> Parsed:
    """What greedy decoding of the labels says; weaknesses ranked by score."""
    meanings = expects.meanings
    if reply.top_label not in meanings:
        return Parsed(state="unparsed")
    top = read_meaning(meanings[reply.top_label])
    if not top.cwes:
        return top
    scores = reply.label_log_probs or {}
    ranked = sorted(scores, key=lambda label: (label != reply.top_label, -scores[label]))
    named = (read_meaning(meanings[label]).cwes for label in ranked)
    return top.model_copy(update={"cwes": tuple(cwe for cwes in named for cwe in cwes)})


def _log_odds(ask: Ask, log_probs: Mapping[str, float]) -> float:
    """Any label that says vulnerable against all others, in nats."""
    meanings = ask.expects.meanings
    sides: dict[Says, list[float]] = {"vulnerable": [], "fixed": []}
    for label, log_prob in log_probs.items():
        sides[read_meaning(meanings[label]).says].append(log_prob)
    return log_sum_exp(sides["vulnerable"]) - log_sum_exp(sides["fixed"])
