"""The mentions found in a sample explain its label."""

from __future__ import annotations

import pytest

from vulnscope.corpora.synthetic import generate_pair, load_templates, training_templates
from vulnscope.organism.mentions import find_mentions

TEMPLATES = load_templates()


@pytest.mark.parametrize("template_id", training_templates("bound"))
def test_mentions_explain_the_label(template_id):
    template = TEMPLATES[template_id]
    for index in range(10):
        for sample in generate_pair(template, 7, index):
            mentions = find_mentions(template_id, sample.code)
            by_role = {mention.role: mention for mention in mentions}
            assert set(by_role) == {"guard", "use", "spare"}
            assert all(sample.code[mention.start :].startswith(mention.name) for mention in mentions)
            is_same = by_role["guard"].name == by_role["use"].name
            assert (sample.label == "fixed") == (is_same == template.same_is_fixed)


def test_plain_templates_have_none():
    (sample, _) = generate_pair(TEMPLATES["py-path-plain-basename"], 0, 0)
    assert find_mentions("py-path-plain-basename", sample.code) == ()
