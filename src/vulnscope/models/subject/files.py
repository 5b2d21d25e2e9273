"""Where a model's files are, and one digest over all that decides its answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vulnscope.errors import CorruptData, InputError, MissingPrerequisite
from vulnscope.models.subject.variants import find_base, find_variant

ORGANISM = "organism"
"""Name of the embedded default subject; `organism:NAME` is one of its variants, as `FOLDER:NAME` of one's own."""
# Everything that changes an answer: weights, shape, tokenizer, chat template, decoding defaults, adapters.
_DIGESTED = ("*.safetensors", "*.json", "*.model", "*.jinja", "merges.txt", "vocab.txt", "*.tiktoken")
_WEIGHTS = {"model": "model.safetensors", "adapter": "adapter_model.safetensors"}
_INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True)
class Located:
    """A folder with model files, the commit it holds if it came from the Hub, and the organism's variant asked for."""

    path: Path
    revision: str | None = None
    variant: Path | None = None


def resolve_folder(
    name: str, revision: str | None, trust_remote_code: bool, kind: str = "model", *, has_weights: bool = True
) -> Located:
    """The local folder of `name`, downloaded if it is a Hub id; `kind` is "model" or "adapter".

    Without `has_weights` config and tokenizer are enough, and no more is downloaded.

    Raises `InputError` where nothing can be found or where the folder lacks its config, and where it holds pickles
    instead of safetensors.
    """
    stem, _, variant = name.rpartition(":") if ":" in name else (name, "", "")
    if stem == ORGANISM and kind == "model":
        folder = _organism_folder()
        located = Located(folder, variant=find_variant(folder, variant) if variant else None)
        if revision is not None:
            raise InputError(f"--revision belongs to Hub ids; {name!r} comes with this installation")
        return located
    folder, own = Path(name).expanduser(), Path(stem).expanduser()
    if folder.is_dir() or (kind == "model" and variant and own.is_dir()):
        if revision is not None:
            raise InputError(f"--revision belongs to Hub ids; {name!r} is a local folder")
        located = Located(folder) if folder.is_dir() else Located(own, variant=find_variant(own, variant))
    elif looks_like_path(name):
        raise InputError(f"{kind} folder {name!r} does not exist; give an existing folder or a Hub id such as org/name")
    else:
        located = _download(name, revision, trust_remote_code, kind, has_weights)
    _check_contents(located.path, name, kind, has_weights)
    return located


def locate_model(
    name: str,
    revision: str | None = None,
    quantize: str | None = None,
    adapter: str | None = None,
    *,
    trust_remote_code: bool = False,
) -> tuple[Located, Path | None]:
    """Where the files of a model and of its adapter are; raises what `resolve_folder` does.

    Of a Hub model all files are downloaded.
    """
    located = resolve_folder(name, revision, trust_remote_code)
    adapter_folder = resolve_folder(adapter, None, False, kind="adapter").path if adapter else None
    if located.variant and quantize:
        raise InputError(f"{name!r} is a small change to the organism's weights; open it without --quantize")
    return located, adapter_folder


def digest_files(
    folder: Path, adapter: Path | None = None, quantize: str | None = None, variant: Path | None = None
) -> str:
    """First 16 hex digits of the SHA-256 over name and SHA-256 of each weights, config and tokenizer file.

    Every byte is read: about a second per GB, a part of what loading takes. Dtype and device are not included.
    """
    total = hashlib.sha256()
    found = [("model", path) for path in _digested_files(folder)]
    found += [("adapter", path) for path in _digested_files(adapter)] if adapter else []
    if variant:
        found.append(("variant", variant))
        if base := find_base(folder, variant):
            found.append(("base", base))
    for label, path in found:
        with path.open("rb") as file:
            total.update(f"{label}/{path.name}:{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    total.update(f"quantize:{quantize}\n".encode())
    return total.hexdigest()[:16]


def _digested_files(folder: Path) -> list[Path]:
    """All files that decide: other weights beside those that load, such as earlier checkpoints, do not.

    Python files decide where a config names classes of them.
    """
    files = {path for pattern in _DIGESTED for path in folder.glob(pattern)}
    for kind in _WEIGHTS:
        if loaded := list_weights(folder, kind):
            files = {path for path in files if path.suffix != ".safetensors"} | {folder / name for name in loaded}
            break
    if any("auto_map" in read_json(path) for path in folder.glob("*config.json")):
        files.update(folder.rglob("*.py"))
    return sorted(files)


def list_weights(folder: Path, kind: str = "model") -> list[str]:
    """Names of the files in `folder` that the weights of a "model" or an "adapter" load from; empty where none do.

    Raises `InputError` where the config or the index of the weights names anything but a .safetensors file of the
    folder itself: it would be loaded without being part of the digest, and a pickle could run code.
    """
    first = _WEIGHTS[kind]
    if kind == "model":
        first = str(read_json(folder / "config.json").get("transformers_weights") or first)
        if not (folder / first).is_file() and (folder / _INDEX).is_file():
            first = _INDEX
    if not first.endswith(".index.json"):
        return _check_names(folder, "config.json", {first}) if (folder / first).is_file() else []
    _check_names(folder, "config.json", {first}, ".index.json")
    weight_map = read_json(folder / first).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CorruptData(f"{folder / first} names no weights; download it again")
    return _check_names(folder, first, {str(name) for name in weight_map.values()})


def _check_names(folder: Path, source: str, names: set[str], ending: str = ".safetensors") -> list[str]:
    for name in sorted(names):
        if Path(name).name != name or "\\" in name or not name.endswith(ending):
            raise InputError(
                f"{source} in {folder} names {name!r} as weights; only {ending} files of the folder itself are loaded. "
                "Convert them to safetensors (save_pretrained in an environment you trust), or pick another revision"
            )
        if not (folder / name).is_file():
            raise CorruptData(f"{source} in {folder} names {name!r}, which is not there; download it again")
    return sorted(names)


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; empty where there is none. Raises `CorruptData` where it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError) as error:
        raise CorruptData(f"{path} is no JSON: {error}; download it again") from error
    return found if isinstance(found, dict) else {}


def _organism_folder() -> Path:
    folder = Path(__file__).parents[1] / "weights" / ORGANISM
    if not any(folder.glob("*.safetensors")):
        raise MissingPrerequisite(
            "this installation holds no embedded organism; train one with `vulnscope organism train`, "
            "or name a model folder or Hub id"
        )
    return folder


def looks_like_path(name: str) -> bool:
    """Whether `name` can be no id on the Hub."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name or not name


def _download(name: str, revision: str | None, trust_remote_code: bool, kind: str, has_weights: bool) -> Located:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    files = [pattern for pattern in _DIGESTED if has_weights or pattern != "*.safetensors"]
    patterns = [*files, *(["*.py"] if trust_remote_code else [])]
    at = f" at revision {revision!r}" if revision else ""
    try:
        # Duplicates in other layouts (`original/`, `consolidated*`) would double the download.
        path = snapshot_download(
            name, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*", "consolidated*"]
        )
    except GatedRepoError as error:
        raise InputError(f"{kind} {name!r} is gated: accept its terms on the Hub, then `hf auth login`") from error
    except RevisionNotFoundError as error:
        raise InputError(f"{kind} {name!r} has no revision {revision!r} on the Hub") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise InputError(f"unknown {kind} {name!r}: no such folder here and no such repository on the Hub") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise InputError(
            f"{kind} {name!r}{at} is neither a folder here nor in the local Hub cache, and the Hub cannot be reached "
            f"({type(error).__name__}); check the name and the network, or give a local folder"
        ) from error
    return Located(Path(path), Path(path).name)


def _check_contents(folder: Path, name: str, kind: str, has_weights: bool) -> None:
    config = "config.json" if kind == "model" else "adapter_config.json"
    if not (folder / config).is_file() and (folder / "snapshots").is_dir():
        copies = sorted(path.name for path in (folder / "snapshots").iterdir())
        inside = f"{name.rstrip('/')}/snapshots/{copies[-1]}" if copies else "one of its snapshots"
        raise InputError(
            f"{name!r} is where the Hub's files are cached; name the {kind} by its id (org/name), or give {inside}"
        )
    if not (folder / config).is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise InputError(f"{name!r} is no {kind}: it has no {config} (it holds {found})")
    if not has_weights:
        return
    if any(path.stat().st_size == 0 for path in folder.glob("*.safetensors")):
        raise CorruptData(f"{name!r} holds an empty .safetensors file; download it again")
    if list_weights(folder, kind):
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise InputError(
            f"{name!r} holds its weights only as pickles ({', '.join(pickles[:4])}), which can run code when opened; "
            "convert them to safetensors (save_pretrained in an environment you trust), or pick another revision"
        )
    others = sorted(path.name for path in folder.glob("*.safetensors"))
    held = f" (it holds {', '.join(others[:4])})" if others else ""
    raise InputError(f"{name!r} holds no weights: {_WEIGHTS[kind]}, or an index of several files, is missing{held}")
