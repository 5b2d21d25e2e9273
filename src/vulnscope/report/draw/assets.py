"""What a page carries with it: scripts and styles, each admitted by its hash and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

from markupsafe import Markup

SCRIPTS = (
    "vendor/d3.min.js",
    "vendor/plot.min.js",
    "templates/page.js",
    "templates/charts.js",
    "templates/panels.js",
    "templates/pairs.js",
)
STYLES = ("templates/page.css",)

# The style sheet that Plot puts into every chart (for its class name "plot"), so that the policy can admit it.
PLOT_STYLE = """:where(.plot) {
  --plot-background: white;
  display: block;
  height: auto;
  height: intrinsic;
  max-width: 100%;
}
:where(.plot text),
:where(.plot tspan) {
  white-space: pre;
}"""

# Each would end or confuse a script element, or a line of JavaScript, when it comes from code under study.
_ESCAPES = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"})


@cache
def read_asset(name: str) -> Markup:
    """Text of a file of this folder, trusted as it is: nothing from outside the package ever goes through here."""
    return Markup(files("vulnscope.report").joinpath(name).read_text(encoding="utf-8"))


@cache
def security_policy() -> str:
    """The page's content-security policy: no network, no eval, only the scripts and styles of this package."""
    scripts = " ".join(hash_source(read_asset(name)) for name in SCRIPTS)
    styles = " ".join(hash_source(text) for text in (*map(read_asset, STYLES), PLOT_STYLE))
    closed = "base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; {closed}"


def embed_json(value: object) -> Markup:
    """`value` as JSON that is inert inside a script element, whatever its strings hold."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A lone surrogate has no UTF-8; as an escape JavaScript takes it back.
    text = "".join(c if not "\ud800" <= c <= "\udfff" else f"\\u{ord(c):04x}" for c in text)
    return Markup(text.translate(_ESCAPES))


def hash_source(text: str) -> str:
    """The content-security source that admits exactly `text`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
