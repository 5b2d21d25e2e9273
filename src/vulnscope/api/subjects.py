"""The verbs on a model itself: open it, score, read and change its states, inspect it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from vulnscope.errors import InputError
from vulnscope.records.requests import SubjectRequest

if TYPE_CHECKING:
    from vulnscope.models import Activations, Edit, Selector, Shards, Site, Subject, TokenText
    from vulnscope.models.read.activations import Reduction
    from vulnscope.models.subject.subject import Backend
    from vulnscope.records.machine import MachineReport
    from vulnscope.records.subject import SubjectReport

Progress = Callable[[int, int], None]


def open_subject(name: str, *, backend: Backend = "hooks", **options: Any) -> Subject:
    """The model `name` (Hub id, local folder, or "organism"), opened and self-checked; options of `SubjectRequest`.

    With `backend="nnsight"` captures and added vectors run by nnsight, a slow check of our own hooks.
    """
    from vulnscope import models

    return models.open_subject(**SubjectRequest(name=name, **options).local_options(), backend=backend)


def score(subject: Subject, prompts: Sequence[str], answers: Sequence[str]) -> list[tuple[float, ...]]:
    """Log-probability in nats of each of `answers` after each prompt, as the subject's tokenizer reads the whole text.

    For token ids, several answers per prompt, or the most likely token beside them: `vulnscope.models.answer.scoring`.
    """
    from vulnscope import models
    from vulnscope.prompts import tokenise_with_answers

    pairs = [tokenise_with_answers(prompt, answers, subject.tokenizer) for prompt in prompts]
    results = models.score(subject, [prompt for prompt, _ in pairs], [choices for _, choices in pairs])
    return [result.log_probs for result in results]


def capture(
    subject: Subject,
    texts: Sequence[str | Sequence[int] | TokenText],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: Reduction | None = None,
    *,
    dtype: Literal["float32", "bfloat16"] = "float32",
    max_tokens: int | None = None,
) -> Activations:
    """Activations of `texts` at `sites` such as "3.resid_post", at the tokens `selector` picks, pooled with `reduce`.

    Everything is held in memory; `capture_to` streams to disk.
    """
    from vulnscope import models

    return models.capture(subject, texts, sites, selector, reduce, dtype=dtype, max_tokens=max_tokens)


def capture_to(
    folder: str | Path,
    subject: Subject,
    texts: Sequence[str | Sequence[int] | TokenText],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: Reduction | None = None,
    *,
    dtype: Literal["float32", "bfloat16"] = "bfloat16",
    max_tokens: int | None = None,
    progress: Progress | None = None,
) -> Shards:
    """`capture` into safetensors shards in `folder`; after a kill the same call goes on where it stopped."""
    from vulnscope import models

    return models.stream_capture(
        subject, texts, sites, Path(folder), selector, reduce, dtype=dtype, max_tokens=max_tokens, progress=progress
    )


def capture_files(
    folder: str | Path,
    subject: Subject,
    files: Sequence[str | Path],
    sites: Iterable[Site | str | int],
    selector: str | Selector = "last",
    reduce: str | None = None,
    *,
    dtype: str = "bfloat16",
    progress: Progress | None = None,
) -> Shards:
    """`capture_to` for texts in UTF-8 files, one each; error messages name the files."""
    from vulnscope import models

    items = [models.read_text(subject.tokenizer, _read_file(Path(file)), name=str(file)) for file in files]
    return models.stream_capture(
        subject,
        items,
        sites,
        Path(folder),
        selector,
        cast("Reduction | None", reduce),
        dtype=cast(Literal["float32", "bfloat16"], dtype),
        progress=progress,
    )


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error


def edited(
    subject: Subject,
    edits: Sequence[Edit],
    texts: Sequence[str | Sequence[int] | TokenText] | None = None,
    *,
    check: bool = True,
) -> AbstractContextManager[Any]:
    """Run `subject` with `edits` (`add`, `clamp`, ... of `vulnscope.models`) inside the block, and as before after it.

    `score`, `capture` and `vulnscope.models.generate` bind the edits to their own texts; for calls of the model itself
    give `texts`. `check` makes sure that each edit changes a logit.
    """
    from vulnscope import models

    return models.edited(subject, edits, texts, check=check)


def inspect_model(name: str, *, batch: int = 8, length: int = 1024, **options: Any) -> SubjectReport:
    """Layers, streams and memory of the model `name`, and what its self-check proved; options of `SubjectRequest`."""
    from vulnscope import models

    return models.inspect_subject(open_subject(name, **options), batch=batch, length=length)


def inspect_machine(runs_dir: str | Path = "runs") -> MachineReport:
    """What works on this machine and what would help."""
    from vulnscope.models.subject.machine import inspect_machine as inspect

    return inspect(Path(runs_dir))
