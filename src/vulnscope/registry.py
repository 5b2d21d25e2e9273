"""Names of every variant (loader, protocol, ...) mapped to `module:attribute`.

Listing names imports nothing; `resolve` imports the one module asked for. Third parties add theirs
through entry points in the group `vulnscope.<kind>`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from vulnscope.errors import InputError

BUILT_IN: dict[str, dict[str, str]] = {
    "corpus": {
        "crossvul": "vulnscope.corpora.loaders.crossvul:load_crossvul",
        "cvefixes": "vulnscope.corpora.loaders.cvefixes:load_cvefixes",
        "cwe-catalog": "vulnscope.corpora.loaders.cwe_catalog:load_cwe_catalog",
        "diversevul": "vulnscope.corpora.loaders.diversevul:load_diversevul",
        "folder": "vulnscope.corpora.loaders.folder:load_folder",
        "hub": "vulnscope.corpora.loaders.hub:load_hub",
        "juliet": "vulnscope.corpora.loaders.juliet:load_juliet",
        "primevul": "vulnscope.corpora.loaders.primevul:load_primevul",
        "safecoder": "vulnscope.corpora.loaders.safecoder:load_safecoder",
        "secllmholmes": "vulnscope.corpora.loaders.secllmholmes:load_secllmholmes",
        "security-dpo": "vulnscope.corpora.loaders.security_dpo:load_security_dpo",
        "securityeval": "vulnscope.corpora.loaders.securityeval:load_securityeval",
        "sven": "vulnscope.corpora.loaders.sven:load_sven",
        "synthetic": "vulnscope.corpora.loaders.synthetic:load_synthetic",
        "table": "vulnscope.corpora.loaders.table:load_table",
        "vulbench": "vulnscope.corpora.loaders.vulbench:load_vulbench",
    },
    "kind": {
        "audit": "vulnscope.audit.kind:AUDIT",
        "probe": "vulnscope.probe.kind:PROBE",
        "patch": "vulnscope.patch.kind:PATCH",
        "study": "vulnscope.study.kind:STUDY",
        "against": "vulnscope.study.kind:AGAINST",
        "reproduction": "vulnscope.study.kind:REPRODUCTION",
        "steer": "vulnscope.steer.kind:STEER",
        "apply": "vulnscope.steer.kind:APPLY",
        "combine": "vulnscope.audit.kind:COMBINE",
        "compare": "vulnscope.audit.kind:COMPARE",
        "import": "vulnscope.audit.kind:IMPORT",
        "rescore": "vulnscope.audit.kind:RESCORE",
    },
    "preset": {"starcoder-steering-2025": "vulnscope.study.presets:STARCODER_STEERING"},
    "protocol": {
        "free-text": "vulnscope.ask.worded.protocols.free_text:open_free_text",
        "locate": "vulnscope.ask.worded.protocols.locate:open_locate",
        "primevul": "vulnscope.ask.worded.protocols.primevul:open_primevul",
        "secllmholmes": "vulnscope.ask.worded.protocols.secllmholmes:open_secllmholmes",
        "which-cwe": "vulnscope.ask.worded.protocols.which_cwe:open_which_cwe",
        "yes-no": "vulnscope.ask.scored.yes_no:YesNoProtocol",
    },
    "steering": {
        "gradient": "vulnscope.steer.methods.gradient:fit_gradient",
        "logistic-direction": "vulnscope.steer.methods.logistic:fit_logistic",
        "mean-difference-paired": "vulnscope.steer.methods.mean_difference:fit_paired",
        "mean-difference-unpaired": "vulnscope.steer.methods.mean_difference:fit_unpaired",
        "pca-differences": "vulnscope.steer.methods.pca:fit_pca",
    },
    "transformation": {
        "comments": "vulnscope.corpora.transformations.comments:add_comments",
        "dead-code": "vulnscope.corpora.transformations.dead_code:add_dead_code",
        "misleading": "vulnscope.corpora.transformations.rename:mislead",
        "rename": "vulnscope.corpora.transformations.rename:rename",
        "strip-comments": "vulnscope.corpora.transformations.comments:strip_comments",
        "whitespace": "vulnscope.corpora.transformations.whitespace:change_whitespace",
    },
    "parser": {
        "keyword": "vulnscope.ask.worded.parsers.keyword:parse_keyword",
        "strict": "vulnscope.ask.worded.parsers.strict:parse_strict",
    },
}


def list_names(kind: str) -> tuple[str, ...]:
    """Sorted names of all variants of `kind`, built in or from entry points."""
    return tuple(sorted({**BUILT_IN[kind], **_external(kind)}))


def resolve(kind: str, name: str) -> Any:
    """The object registered under `name`; raises `InputError` listing the choices."""
    module, _, attribute = find(kind, name).partition(":")
    return getattr(import_module(module), attribute)


def find(kind: str, name: str) -> str:
    """`module:attribute` of `name`, importing nothing; raises `InputError` listing the choices."""
    # Entry points are looked up only for names that are not our own: it takes a walk through all installed packages.
    targets = BUILT_IN[kind] if name in BUILT_IN[kind] else _external(kind)
    if name not in targets:
        targets = {**targets, **BUILT_IN[kind]}
        raise InputError(f"unknown {kind} {name!r}; choose one of: {', '.join(sorted(targets))}")
    return targets[name]


def _external(kind: str) -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=f"vulnscope.{kind}")}
