from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tests.ask.builders import begin_run, make_corpus, make_items, make_pairs, make_sample, tiny_subject
from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.ask.figures.slices import pair_up
from vulnscope.audit.again.offline import list_differences
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.figures.judgement import spread_out
from vulnscope.audit.run import check_audit, estimate_audit, run_audit
from vulnscope.errors import InputError
from vulnscope.models import wrap_model
from vulnscope.records.audit import AuditRecord, LeftOut

CONFIG = AuditConfig(n_bootstrap=200, max_pairs_shown=3)


def audit(folder: Path, corpus: Any, config: AuditConfig = CONFIG, command: str = "", **options: Any) -> AuditRecord:
    with begin_run(folder, config, command=command) as run:
        return run_audit(tiny_subject(), corpus, config, run, **options)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> AuditRecord:
    corpus = make_corpus([*make_pairs(5), make_sample(9, "unlabelled", pair_id=None)])
    return audit(tmp_path_factory.mktemp("runs"), corpus, command="vulnscope audit tiny")


def test_the_record_holds_what_a_reader_needs(record: AuditRecord) -> None:
    assert record.overall.n_samples == 10
    assert record.corpus.n_pairs == 5
    assert record.corpus.grouping == "by pair and equal code"
    assert record.corpus.licence == "Apache-2.0"
    assert record.prompts == ("direct", "flaw", "review")
    assert record.canonical_prompt.startswith("### Code (…):")
    assert record.subject.name == "tiny"
    assert not record.subject.chat_template
    assert isinstance(record.subject.noise_floor_nats, float)
    assert record.subject.noise_floor_nats < 1e-4
    assert record.command == "vulnscope audit tiny"
    assert record.config["n_bootstrap"] == 200
    assert len(record.points) == 10
    assert [baseline.name for baseline in record.overall.baselines] == [
        "always-yes",
        "length (shorter is vulnerable)",
        "character 3-5-grams",
    ]
    assert "both twins right" in record.sentence


def test_the_record_survives_json(record: AuditRecord) -> None:
    assert AuditRecord.model_validate_json(record.to_json()) == record


def test_shown_pairs_and_those_not_shown_add_up(record: AuditRecord) -> None:
    assert len(record.pairs) == 3
    assert record.n_pairs_not_shown == 2
    first = record.pairs[0]
    assert "strcpy" in first.vulnerable_code
    assert "strncpy" in first.fixed_code


def test_unlabelled_samples_are_left_out_and_said(record: AuditRecord) -> None:
    assert record.left_out == (LeftOut(reason="no label", n=1, examples=("009-unlabelled",)),)


def test_equal_requests_give_equal_records(record: AuditRecord, tmp_path: Path) -> None:
    corpus = make_corpus([*make_pairs(5), make_sample(9, "unlabelled", pair_id=None)])
    again = audit(tmp_path, corpus, command="vulnscope audit tiny")
    assert again.model_copy(update={"run": record.run}) == record


def test_the_record_says_what_was_done_to_prompts(tmp_path: Path) -> None:
    tokenizer = deepcopy(tiny_tokenizer())
    tokenizer.chat_template = "{{ messages[0].content }}{{ eos_token }}<think>"
    subject = wrap_model(tiny_model("qwen2", max_position_embeddings=1024), tokenizer, name="tiny")
    pairs = make_pairs(3)
    corpus = make_corpus([pairs[0].model_copy(update={"code": f"{pairs[0].code} // </s>"}), *pairs[1:]])

    def ask(opened_thought: str) -> AuditRecord:
        config = CONFIG.model_copy(update={"opened_thought": opened_thought})
        with begin_run(tmp_path / opened_thought, config) as run:
            return run_audit(subject, corpus, config, run)

    closed, kept = ask("close"), ask("keep")
    endings = [record.canonical_prompt.rpartition("</s>")[2] for record in (closed, kept)]
    assert endings == ["<think>\n\n</think>\n\n", "<think>"]
    assert closed.subject.prompt_notes == (
        "The chat template opens a thought (<think>) before each answer; it was closed, empty, so that answers stand "
        "outside of it.",
        "In 1 of 6 samples the code holds text of control tokens (</s>); it was read as text.",
    )
    assert "it was left open" in kept.subject.prompt_notes[0]
    assert [point.margin for point in closed.points] != [point.margin for point in kept.points]
    assert kept.config["opened_thought"] == "keep"
    assert list_differences(closed, kept) == ("opened_thought: close → keep",)
    without = closed.model_copy(
        update={"config": {name: value for name, value in closed.config.items() if name != "opened_thought"}}
    )
    assert list_differences(without, closed) == ()
    with pytest.raises(InputError, match=r"opens a thought \(<think>\) before the answer"):
        ask("refuse")


def test_a_selection_says_how_many_are_not_in_it(tmp_path: Path) -> None:
    found = audit(tmp_path, make_corpus(make_pairs(5)), CONFIG.model_copy(update={"limit": 4}))
    assert found.overall.n_samples == 4
    assert found.left_out == (LeftOut(reason="not selected by part, CWE, language or limit", n=6),)


def test_parts_and_prompts_are_those_asked_for(tmp_path: Path) -> None:
    samples = [sample.model_copy(update={"part": f"part-{n // 4}"}) for n, sample in enumerate(make_pairs(5))]
    config = CONFIG.model_copy(update={"parts": ("part-0",), "prompts": ("review", "direct")})
    found = audit(tmp_path, make_corpus(samples), config)
    assert found.overall.n_samples == 4
    assert found.prompts == ("review", "direct")


def test_a_named_corpus_trains_the_baselines(tmp_path: Path) -> None:
    other = make_corpus(make_pairs(20), name="other")
    found = audit(tmp_path, make_corpus(make_pairs(3)), baseline_corpus=other)
    assert found.overall.baselines[2].trained_on == "other"
    assert found.overall.baselines[2].pair_correct == 1.0


def test_a_users_prompts_are_asked(tmp_path: Path) -> None:
    prompts = tmp_path / "mine.yaml"
    prompts.write_text(
        'protocol: mine\nanswers: {"yes": ["Y"], "no": ["N"]}\nplain: "{code}\\n{question}\\n"\n'
        'chat: "{code} {question}"\nprompts: [{name: only, vulnerable: "Bad?", secure: "Good?"}]\n',
        encoding="utf-8",
    )
    config = CONFIG.model_copy(update={"prompts_file": str(prompts)})
    found = audit(tmp_path / "runs", make_corpus(make_pairs(2)), config)
    assert found.prompts == ("only",)
    assert found.canonical_prompt == "…\nBad?\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "telepathy"}, "unknown protocol 'telepathy'; choose one of: free-text"),
        ({"prompts_file": "absent.yaml"}, "absent.yaml: cannot read prompts"),
        ({"cwes": ("CWE-22",)}, "holds nothing for CWE-22"),
        ({"limit": 1}, "a limit of 1 leaves nothing"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_run_is_made(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_audit(make_corpus(make_pairs(2)), CONFIG.model_copy(update=changes))


def test_nothing_to_ask_is_an_error(tmp_path: Path) -> None:
    corpus = make_corpus([make_sample(1, "unlabelled", pair_id=None)])
    with pytest.raises(InputError, match=r"corpus 'made' leaves nothing to ask \(1: no label\)"):
        audit(tmp_path, corpus)


def test_shown_pairs_span_the_range() -> None:
    pairs = pair_up(make_items(make_pairs(9), [side for n in range(9) for side in (float(n), 0.0)]))
    margins = [twins.vulnerable.row.margin for twins in spread_out(pairs, 3)]
    assert margins == [8.0, 4.0, 0.0]
    assert len(spread_out(pairs, 9)) == len(spread_out(pairs, 99)) == 9
    assert spread_out(pairs, 0) == []
    assert len(spread_out(pairs, 1)) == 1


def test_the_estimate_counts_what_the_audit_asks() -> None:
    ticks = iter([10.0, 12.5])
    found = estimate_audit(tiny_subject(), make_corpus(make_pairs(5)), CONFIG, lambda: next(ticks))
    assert (found.n_samples, found.n_pairs, found.n_prompts) == (10, 5, 60)
    assert found.n_distinct_tokens < found.n_tokens
    assert isinstance(found.seconds, float)
    assert found.seconds >= 2.5
    assert found.memory_bytes > 0
    assert found.config["n_bootstrap"] == 200


def test_a_leak_audit_is_in_the_record_where_asked_for(tmp_path: Path) -> None:
    found = audit(tmp_path, make_corpus(make_pairs(6)), CONFIG.model_copy(update={"check_leaks": True}))
    assert found.leaks is not None
    assert (found.leaks.corpus, found.leaks.n_pairs) == ("made", 6)
    assert audit(tmp_path, make_corpus(make_pairs(2))).leaks is None
