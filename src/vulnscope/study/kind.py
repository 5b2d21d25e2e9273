"""The whole study: of one model, of two on the same samples, and an earlier experiment repeated."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind, Option

_CHANGE = Option(
    field="changes",
    name="change",
    help="A transformation that keeps labels: comments, dead-code, misleading, rename, strip-comments or "
    "whitespace; repeatable. Default: strip-comments and rename.",
)
_BUDGET = Option(
    field="budget_minutes",
    name="budget",
    help="Minutes: fewer pairs, until the estimate of --dry-run fits.",
    least=0.01,
)

STUDY = Kind(
    name="study",
    command="study",
    help="Audit, probe, patch and steer MODEL on one corpus: what it says, what it knows, what closes the gap.\n\n"
    "With --against, study a second model on the same samples and compare every figure.",
    verb="What `model` says about `corpus`, what it knows, what closes the gap, and one diagnosis.",
    config="vulnscope.study.config:StudyConfig",
    asked="vulnscope.study.requests:WholeStudyRequest",
    record="vulnscope.study.record:StudyRecord",
    options=(
        _CHANGE,
        _BUDGET,
        Option(field="preset", help="Repeat an earlier experiment: starcoder-steering-2025.", type=str | None),
    ),
    variants=("reproduction", "against"),
    is_cached=True,
    dry_run_help="Itemise memory, disk and time from the model's config; load no weights.",
    forecast="vulnscope.study.carrying:forecast_study",
    forecast_page="vulnscope.study.forecast_page:page",
    check="vulnscope.study.carrying:check_study",
    run="vulnscope.study.carrying:run_study",
    page="vulnscope.study.page:page",
)
AGAINST = Kind(
    name="against",
    chosen_by="against",
    inputs=("subject", "against", "corpus"),
    config="vulnscope.study.config:StudyConfig",
    section="study",
    asked="vulnscope.study.requests:AgainstRequest",
    record="vulnscope.study.two.record:AgainstRecord",
    options=(_CHANGE, _BUDGET),
    is_cached=True,
    forecast="vulnscope.study.two.carrying:forecast",
    forecast_page="vulnscope.study.forecast_page:page",
    check="vulnscope.study.two.carrying:check",
    run="vulnscope.study.two.carrying:run",
    page="vulnscope.study.two.page:page",
)
REPRODUCTION = Kind(
    name="reproduction",
    chosen_by="preset",
    is_resumed_by_kind=False,
    refuses="the preset fixes its samples and prompts",
    config="vulnscope.study.presets.settings:PresetConfig",
    section="preset",
    begin="vulnscope.study.carrying:begin_reproduction",
    record="vulnscope.study.presets.record:ReproductionRecord",
    options=(Option(field="seed"),),
    check="vulnscope.study.carrying:check_reproduction",
    run="vulnscope.study.carrying:run_reproduction",
    page="vulnscope.study.presets.page:page",
)
