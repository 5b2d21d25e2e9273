"""Reading and changing hidden states at a site, and replacing one module's forward; all undone on exit.

A tap is a function of the hidden states at a site. It returns changed ones, or None to leave them alone. Every
context manager here leaves the model as it found it, also when attaching fails half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from vulnscope.errors import InputError, SubjectError

if TYPE_CHECKING:
    from vulnscope.models.forward.architecture import Architecture

Stream = Literal["resid_pre", "resid_post", "attn_out", "mlp_in", "mlp_out"]
STREAMS: tuple[Stream, ...] = ("resid_pre", "resid_post", "attn_out", "mlp_in", "mlp_out")
_SIDE: dict[Stream, Literal["input", "output"]] = {
    "resid_pre": "input",
    "resid_post": "output",
    "attn_out": "output",
    "mlp_in": "input",
    "mlp_out": "output",
}

Tap = Callable[[Tensor], Tensor | None]


@dataclass(frozen=True, order=True)
class Site:
    """A place in the subject: what flows through `stream` of layer `layer` (0 is the lowest)."""

    layer: int
    stream: Stream = "resid_post"


@contextmanager
def tapped(model: nn.Module, architecture: Architecture, taps: Mapping[Site, Tap]) -> Iterator[None]:
    """Call each tap with the hidden states of its site during every forward inside the block."""
    with ExitStack() as stack:
        for site, tap in taps.items():
            module = locate(model, architecture, site)
            stack.callback(_attach(module, _SIDE[site.stream], tap).remove)
        yield


def locate(model: nn.Module, architecture: Architecture, site: Site) -> nn.Module:
    """The module whose input or output is `site`; raises `InputError` or `SubjectError` naming what exists."""
    if site.stream not in STREAMS:
        raise InputError(f"unknown stream {site.stream!r}; choose one of: {', '.join(STREAMS)}")
    if not 0 <= site.layer < architecture.n_layers:
        raise InputError(f"layer {site.layer} does not exist; this subject has layers 0 to {architecture.n_layers - 1}")
    layer = architecture.layers(model)[site.layer]
    if site.stream.startswith("resid"):
        return layer
    branch = architecture.branch(site.layer, site.stream)
    if branch.path is None:
        raise SubjectError(f"layer {site.layer} of {architecture.model_type} has no {site.stream}: {branch.reason}")
    return layer.get_submodule(branch.path)


@contextmanager
def substituted_forward(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Run `forward` in place of the module's own inside the block; hooks on the module still fire."""
    had_own = "forward" in module.__dict__
    original = module.forward
    module.forward = forward
    try:
        yield
    finally:
        if had_own:
            module.forward = original
        else:
            del module.forward


def _attach(module: nn.Module, side: Literal["input", "output"], tap: Tap) -> Any:
    if side == "output":
        return module.register_forward_hook(lambda _module, _args, output: _tap_output(tap, output))
    return module.register_forward_pre_hook(
        lambda _module, args, kwargs: _tap_input(tap, args, kwargs), with_kwargs=True
    )


def _tap_output(tap: Tap, output: Any) -> Any:
    if isinstance(output, Tensor):
        return tap(output)
    if not isinstance(output, tuple) or not output or not isinstance(output[0], Tensor):
        raise SubjectError(f"a layer returned {type(output).__name__}; hidden states or a tuple of them are expected")
    changed = tap(output[0])
    return None if changed is None else (changed, *output[1:])


def _tap_input(tap: Tap, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if args and isinstance(args[0], Tensor):
        changed = tap(args[0])
        return None if changed is None else ((changed, *args[1:]), kwargs)
    name = next((key for key, value in kwargs.items() if isinstance(value, Tensor) and value.is_floating_point()), None)
    if name is None:
        raise SubjectError("a module received no hidden states to read or change")
    changed = tap(kwargs[name])
    return None if changed is None else (args, {**kwargs, name: changed})
