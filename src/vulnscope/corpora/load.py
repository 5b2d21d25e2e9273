"""Loading a corpus by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from vulnscope.errors import InputError
from vulnscope.registry import BUILT_IN, resolve

if TYPE_CHECKING:
    from vulnscope.corpora.corpus import Corpus

DATA_VARIABLE = "VULNSCOPE_DATA"
_CACHE_VARIABLES = ("VULNSCOPE_CACHE", "XDG_CACHE_HOME", "HOME")
_OF_ALL = ("transform", "transform_seed")
_WITHOUT_FOLDER = ("synthetic", "hub")
_NOT_OPTIONS = ("data_dir", "skip_bad")


def load_corpus(
    name: str,
    data_dir: str | Path | None = None,
    *,
    skip_bad: bool = False,
    transform: str = "",
    transform_seed: int | str = 0,
    **options: Any,
) -> Corpus:
    """The corpus `name` from its published layout in `data_dir`; no network, no environment.

    `transform` adds variants of every sample, as in "rename,comments+whitespace" (see `augment`). `options` are the
    loader's own; text such as "3" or "true" is taken for the type the loader declares. Bad rows raise `CorruptData`
    unless `skip_bad`. Raises `InputError` on an unknown name or option, a missing folder, a wrong layout or an empty
    corpus.
    """
    loader = resolve("corpus", name)
    path = None if data_dir is None else Path(data_dir)
    corpus: Corpus = loader(path, skip_bad=skip_bad, **_convert_options(name, loader, options))
    if not transform:
        return corpus
    from vulnscope.corpora.transformations import augment

    kinds = [kind.strip() for kind in transform.split(",") if kind.strip()]
    return augment(corpus, kinds, _convert(name, "transform_seed", int, transform_seed))


def check_corpus(name: str, data_dir: Path | None, options: Mapping[str, Any]) -> None:
    """Raise what `load_corpus` would for an unknown name or option, or a folder that is not there; reads no data."""
    loader = resolve("corpus", name)
    kept = {option: value for option, value in options.items() if option not in _OF_ALL}
    _convert_options(name, loader, kept)
    is_missing = (
        name not in _WITHOUT_FOLDER and name in BUILT_IN["corpus"] if data_dir is None else not data_dir.exists()
    )
    if is_missing:
        # The loader knows what it expects there.
        loader(data_dir, skip_bad=False)


def default_data_dir(name: str, environ: Mapping[str, str]) -> Path | None:
    """`$VULNSCOPE_DATA/NAME` where the variable is set and holds such a folder, else what `corpus get` fetched.

    What was fetched is checked against its checksum, every time; raises `CorruptData` where it is something else now.
    """
    if root := environ.get(DATA_VARIABLE):
        path = Path(root) / name
        if path.exists():
            return path
    if any(environ.get(variable) for variable in _CACHE_VARIABLES):
        from vulnscope.corpora.get.fetch import DATA, corpora_dir, verify_corpus

        home = corpora_dir(environ) / name
        if (home / DATA).exists():
            verify_corpus(home)
            return home / DATA
    return None


def _convert_options(name: str, loader: Callable[..., Corpus], options: Mapping[str, Any]) -> dict[str, Any]:
    known = [option for option in signature(loader).parameters if option not in _NOT_OPTIONS]
    if unknown := [option for option in options if option not in known]:
        choices = f"its options: {', '.join(known)}" if known else "it has no options"
        raise InputError(f"corpus {name!r} has no option {unknown[0]!r}; {choices}")
    if not options:
        return {}
    types = get_type_hints(loader)
    return {option: _convert(name, option, types.get(option, Any), value) for option, value in options.items()}


def _convert(name: str, option: str, kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise InputError(f"corpus {name!r}, option {option}={value!r}: {problem}") from error
