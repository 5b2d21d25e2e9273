"""Vectors of steering: fitted into a file, and what a file says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.kinds.context import load_requested, open_requested
from vulnscope.records.steer import VectorFile, VectorInfo

if TYPE_CHECKING:
    from vulnscope.interventions import Vectors
    from vulnscope.records.steer import Agreement


def fit_vectors(request: Any, path: Path) -> VectorFile:
    """Fit every method of a request of the kind `steer` on the fit groups, and write the vectors to `path`."""
    from vulnscope.effects.splits import prepare_splits
    from vulnscope.interventions import save_vectors
    from vulnscope.steer.run import check_steering, fit_steering

    corpus = load_requested(request.corpus)
    check_steering(corpus, request.steer)
    subject = open_requested(request.subject)
    splits = prepare_splits(subject, corpus, request.steer, request.steer.fractions)
    vectors, agreement, _ = fit_steering(subject, corpus, request.steer, splits)
    save_vectors(path, vectors)
    return _describe(path, vectors, agreement)


def show_vectors(path: Path) -> VectorFile:
    """What a vector file says about itself; for a folder, its `vectors.safetensors`."""
    from vulnscope.interventions import load_vectors

    found = path / "vectors.safetensors" if path.is_dir() else path
    return _describe(found, load_vectors(found), ())


def _describe(path: Path, vectors: Vectors, agreement: tuple[Agreement, ...]) -> VectorFile:
    origin = vectors.origin
    return VectorFile(
        path=str(path),
        file_digest=vectors.digest(),
        subject=origin.subject,
        subject_digest=origin.subject_digest,
        method=origin.method,
        corpus=origin.corpus,
        corpus_digest=origin.corpus_digest,
        seed=origin.seed,
        settings=dict(origin.settings),
        vectors=tuple(
            VectorInfo(
                name=name,
                site=origin.sites[name].site,
                norm=float(vector.norm()),
                unit=None if (unit := origin.sites[name].unit) is None else unit.value,
            )
            for name, vector in vectors.values.items()
        ),
        agreement=agreement,
    )
