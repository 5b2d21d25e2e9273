from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulnscope.report.draw import assets

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("vendor/d3.min.js", "f2094bbf6141b359722c4fe454eb6c4b0f0e42cc10cc7af921fc158fceb86539"),
        ("vendor/plot.min.js", "4358086467740777dd788d6b27a95cebdbaefdd50c730a3060117073bd7134cb"),
    ],
)
def test_vendored_files_are_the_published_ones(name: str, digest: str) -> None:
    assert hashlib.sha256(assets.read_asset(name).encode()).hexdigest() == digest


def test_the_style_sheet_of_plot_is_the_one_the_policy_admits() -> None:
    source = assets.read_asset("vendor/plot.min.js")
    (found,) = re.findall(r"`(:where\(\.\$\{c\}\) \{[^`]*)`", source)
    assert found.replace("${c}", "plot").replace("\\n", "\n") == assets.PLOT_STYLE


@pytest.mark.parametrize("name", [*assets.SCRIPTS, *assets.STYLES])
def test_no_asset_ends_its_own_element(name: str) -> None:
    text = assets.read_asset(name).lower()
    assert "</script" not in text
    assert "</style" not in text
    assert "<!--" not in text


def test_the_policy_admits_each_asset_by_hash_and_nothing_else() -> None:
    policy = dict(part.strip().split(" ", 1) for part in assets.security_policy().split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert "unsafe" not in assets.security_policy()
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(assets.read_asset(n).encode()).digest()).decode()}'"
        for n in assets.SCRIPTS
    }
    assert set(policy["script-src"].split()) == hashes


@pytest.mark.parametrize("name", [name for name in assets.SCRIPTS if not name.startswith("vendor")])
def test_our_scripts_never_parse_text_as_html_or_code(name: str) -> None:
    source = assets.read_asset(name)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch("):
        assert word not in source


@given(JSON)
def test_embedded_json_means_the_same_and_is_inert(value: object) -> None:
    text = assets.embed_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")
    text.encode("utf-8")


def test_a_lone_surrogate_survives() -> None:
    assert json.loads(assets.embed_json("a\ud800b")) == "a\ud800b"


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        assets.embed_json(float("nan"))
