"""Ways of running a subject under which captures or edits would be silently wrong; each is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vulnscope.errors import SubjectError

if TYPE_CHECKING:
    from torch import nn

    from vulnscope.models.subject.subject import Subject

_ALLOWED = ("greedy_search", "sample")
_GUARDED = "_validate_generation_mode"


def refuse_compiled(subject: Subject) -> None:
    """Raise `SubjectError` for a subject that torch.compile has touched: compiled graphs skip hooks."""
    for name, module in subject.model.named_modules():
        if _is_compiled(module):
            where = f"its module {name!r} is" if name else "it is"
            raise SubjectError(
                f"{subject.name} cannot be captured or edited: {where} compiled with torch.compile, which bakes hooks "
                "in or skips them; open it again without compiling"
            )


@contextmanager
def guarded_generation(subject: Subject) -> Iterator[None]:
    """Inside the block `model.generate` refuses beam search, assisted decoding and static caches before any work."""
    model: Any = subject.model
    original = getattr(model, _GUARDED, None)
    if original is None:  # a model that does not generate
        yield
        return
    had_own = _GUARDED in model.__dict__

    def guarded(mode: Any, config: Any, arguments: Any, *rest: Any, **named: Any) -> Any:
        name = str(getattr(mode, "value", mode))
        if name not in _ALLOWED:
            raise SubjectError(
                f"edits do not work under {name.replace('_', ' ')}: rows change places or are verified in bulk, so an "
                "edit would hit the wrong text; use greedy decoding or sampling"
            )
        if getattr(config, "cache_implementation", None) in ("static", "offloaded_static"):
            raise SubjectError("edits do not work with a static cache, which compiles the model; use the dynamic one")
        if (getattr(config, "num_return_sequences", 1) or 1) > 1:
            raise SubjectError("edits need one row per prompt; repeat the prompts instead of num_return_sequences")
        return original(mode, config, arguments, *rest, **named)

    setattr(model, _GUARDED, guarded)
    try:
        yield
    finally:
        if had_own:
            setattr(model, _GUARDED, original)
        else:
            delattr(model, _GUARDED)


def _is_compiled(module: nn.Module) -> bool:
    forward = module.__dict__.get("forward")
    return (
        getattr(module, "_compiled_call_impl", None) is not None
        or hasattr(forward, "_torchdynamo_orig_callable")
        or type(module).__name__ == "OptimizedModule"
    )
