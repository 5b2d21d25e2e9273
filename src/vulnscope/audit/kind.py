"""Audits: what a model says, and what is measured from answers that are already there."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind, Option

_RECORD = "vulnscope.records.audit:AuditRecord"
_RESULT = "vulnscope.audit.requests:AuditResult"
_PAGE = "vulnscope.report.pages.audit:page"

AUDIT = Kind(
    name="audit",
    command="audit",
    help="Ask MODEL whether code is vulnerable, and measure what it says against its fixed twins.",
    verb="What `model`, opened here or behind `endpoint`, says about `corpus`, measured and reported.",
    config="vulnscope.audit.config:AuditConfig",
    asked="vulnscope.audit.config:AuditRequest",
    inputs=("subject", "endpoint", "corpus"),
    record=_RECORD,
    options=(
        Option(
            field="protocol", help="How it is asked: yes-no, which-cwe, primevul, secllmholmes, free-text or locate."
        ),
        Option(
            field="preset",
            help="An experiment of the protocol: secllmholmes has determinism, temperature, robustness, real-world.",
        ),
        Option(
            field="protocol_options",
            name="protocol_option",
            help="Setting KEY=VALUE of the protocol; repeatable.",
        ),
        Option(field="parser", help="How answers in words are read: strict or keyword."),
        Option(field="temperatures", name="temperature", help="Of answers in words, 0 is greedy; repeatable.", least=0),
        Option(field="repeats", help="Answers per prompt and temperature."),
        Option(field="max_new_tokens", help="Longest answer in words per turn."),
        Option(field="baseline_corpus", help="Train the n-gram baseline on this corpus."),
        Option(field="check_leaks", help="Put a leak audit of the corpus into the report."),
        Option(
            field="background",
            help="Folder of ordinary source code: how often does it raise false alarms there?",
            path="folder",
        ),
        Option(field="background_limit", help="At most so many functions of it.", needs="background"),
        Option(
            field="prevalence",
            help="Share of vulnerable functions where it will be used, for the precision.",
            least=1e-6,
            most=0.99,
            needs="background",
        ),
    ),
    is_cached=True,
    dry_run_help="Print settings and an estimate; ask nothing.",
    forecast="vulnscope.audit.carrying:forecast",
    forecast_page="vulnscope.audit.forecast_page:page",
    check="vulnscope.audit.carrying:check",
    run="vulnscope.audit.carrying:run",
    result=_RESULT,
    page=_PAGE,
)
COMBINE = Kind(
    name="combine",
    config="vulnscope.audit.again.config:CombineConfig",
    inputs=("run",),
    resumes="not",
    record=_RECORD,
    check="vulnscope.audit.again.carrying:check_combine",
    run="vulnscope.audit.again.carrying:run_combine",
    page=_PAGE,
)
IMPORT = Kind(
    name="import",
    config="vulnscope.audit.config:AuditConfig",
    asked="vulnscope.audit.config:AuditRequest",
    inputs=("corpus",),
    section="audit",
    resumes="not",
    record=_RECORD,
    check="vulnscope.audit.again.carrying:check_import",
    run="vulnscope.audit.again.carrying:run_import",
    result=_RESULT,
    page=_PAGE,
)
RESCORE = Kind(
    name="rescore",
    config="vulnscope.audit.config:AuditConfig",
    asked="vulnscope.audit.config:AuditRequest",
    inputs=("corpus",),
    section="audit",
    resumes="not",
    record=_RECORD,
    check="vulnscope.audit.again.carrying:check_rescore",
    run="vulnscope.audit.again.carrying:run_rescore",
    result=_RESULT,
    page=_PAGE,
)
COMPARE = Kind(
    name="compare",
    config="vulnscope.audit.again.config:CompareConfig",
    inputs=("run",),
    resumes="not",
    record="vulnscope.records.comparison:ComparisonRecord",
    check="vulnscope.audit.again.carrying:check_compare",
    run="vulnscope.audit.again.carrying:run_compare",
    page="vulnscope.report.pages.comparison:page",
)
