from __future__ import annotations

from tests.ask.builders import make_corpus, make_pairs

from vulnscope.ask.preparing import describe_grouping


def test_grouping_in_words() -> None:
    samples = make_pairs(2, group_keys=("commit:a", "group:commit:a"))
    assert describe_grouping(make_corpus([]), samples) == "by commit, pair and equal code"
    by_template = make_corpus([], name="synthetic", options={"group_by": "template"})
    assert describe_grouping(by_template, samples) == "by template: claims about new templates"
    assert describe_grouping(make_corpus([], name="synthetic"), samples) == "by pair: claims about these templates"
