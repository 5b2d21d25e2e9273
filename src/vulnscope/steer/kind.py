"""Steering: directions swept beside their controls, and what was chosen or stored applied to a corpus."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind, Option

_KEEP_NORM = Option(field="keep_norm", help="Keep the norm of each activation (add only).")
_ORDINARY = Option(field="ordinary", help="Folder of ordinary code for side effects.", path="folder")
_SIDE_EFFECTS = Option(field="side_effects", help="Measure what it costs elsewhere.")
_FORCE = Option(field="is_forced", name="force", help="Take vectors that were found in another model.")

STEER = Kind(
    name="steer",
    command="steer sweep",
    help="Sweep layers, scales and methods over MODEL; report on groups that neither fitted nor chose.",
    verb="What steering does to `model` on groups of `corpus` that neither fitted nor chose anything.",
    config="vulnscope.steer.config:SteerConfig",
    record="vulnscope.records.steer:SteerRecord",
    options=(
        Option(
            field="methods",
            name="method",
            help="mean-difference-paired, mean-difference-unpaired, pca-differences, logistic-direction or gradient; "
            "repeatable. Default: all but gradient.",
        ),
        Option(field="layers", help="final-3, thirds, middle, all, best, or numbers such as 4,12,20."),
        Option(field="layout", help="each layer alone; together with a vector each; shared: one vector for all."),
        Option(
            field="selectors",
            name="selector",
            help="Tokens to edit: last, all, code, question, changed; repeatable.",
        ),
        Option(field="operation", help="add, project-out, clamp or scale-component."),
        Option(field="scales", name="scale", help="A scale to try beside 0; repeatable."),
        Option(field="unit", help="norm: scales count median activation norms; raw: vectors as they are."),
        _KEEP_NORM,
        Option(field="choose_by", help="What the choose groups maximise: pair-correct or auroc."),
        Option(field="preface", help="Line before each question for prompt-only; empty: none."),
        Option(field="vector_file", name="vectors", help="Also try the vectors of this file.", path="file"),
        _ORDINARY,
        _SIDE_EFFECTS,
        _FORCE,
    ),
    check="vulnscope.steer.carrying:check_steer",
    run="vulnscope.steer.carrying:run_steer",
    note_page="vulnscope.steer.vectors_page:describe_agreement",
    page="vulnscope.steer.page:page",
)
APPLY = Kind(
    name="apply",
    command="steer apply",
    help="Apply a stored INTERVENTION to MODEL on a corpus, paired with the un-steered answers, or show one text.",
    verb="What a stored intervention, or vectors of a file (`source`), do to the answers of `model` about `corpus`.",
    config="vulnscope.steer.config:ApplyConfig",
    record="vulnscope.records.apply:ApplyRecord",
    options=(
        Option(
            field="source",
            help="A folder with intervention.json, such as RUN/interventions/NAME, or a vector file.",
            metavar="INTERVENTION",
            path="any",
            is_argument=True,
            missing="name an INTERVENTION: a folder with intervention.json, or a vector file; or --resume a run",
        ),
        Option(field="vectors", name="vector", help="Vector file: which vectors, * stands for anything; repeatable."),
        Option(field="scale", help="Vector file: how far; above 0 is towards vulnerable."),
        Option(field="operation", help="Vector file: add (default), project-out, clamp, scale-component."),
        Option(field="unit", help="Vector file: norm (default), in median activation norms, or raw."),
        Option(field="selector", help="Vector file: tokens to edit; default: those it was read from."),
        _KEEP_NORM,
        Option(field="n_controls", name="controls", help="Directions of each control; 0 for none, and no claim."),
        _ORDINARY,
        _SIDE_EFFECTS,
        Option(
            field="text", help="Show what MODEL writes after this text instead of asking a corpus.", type=str | None
        ),
        Option(field="tokens", help="With --text: so many tokens are written.", type=int, default=50, least=1),
        _FORCE,
    ),
    aside="vulnscope.steer.carrying:show_text",
    aside_page="vulnscope.steer.vectors_page:describe_steered",
    check="vulnscope.steer.carrying:check_apply",
    run="vulnscope.steer.carrying:run_apply",
    page="vulnscope.steer.apply_page:page",
)
