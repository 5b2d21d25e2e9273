"""Names of sites, which of them a subject has been proven to offer, and the unit that scales count in there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from pydantic import Field

from vulnscope.errors import InputError, SubjectError
from vulnscope.models.forward.hooks import STREAMS, Site, Stream, locate
from vulnscope.records.base import Finite, Record

if TYPE_CHECKING:
    from vulnscope.models.subject.subject import Subject


class NormUnit(Record):
    """Median activation norm at the selected tokens of the fit split, attention sinks left out (MEASURES)."""

    site: str
    selector: str
    value: Finite = Field(gt=0)
    n_tokens: int = Field(ge=1, description="tokens behind the median")
    n_left_out: int = Field(ge=0, description="first tokens and other attention sinks")


def name_site(site: Site) -> str:
    """`12.resid_post` for stream `resid_post` of layer 12."""
    return f"{site.layer}.{site.stream}"


def as_site(given: Site | str | int) -> Site:
    """The site of a name such as `12.resid_post`; a bare layer means its `resid_post`."""
    if isinstance(given, Site):
        return given
    layer, _, stream = str(given).partition(".")
    if not layer.isdecimal() or (stream or "resid_post") not in STREAMS:
        raise InputError(f"not a site: {given!r}; write LAYER.STREAM, stream one of: {', '.join(STREAMS)}")
    return Site(int(layer), cast(Stream, stream or "resid_post"))


def check_sites(subject: Subject, sites: Iterable[Site | str | int]) -> list[Site]:
    """The sites, each one existing and proven; raises `InputError` or `SubjectError` listing what the subject has."""
    found = list(dict.fromkeys(as_site(site) for site in sites))
    if not found:
        raise InputError("no site given; name at least one, such as Site(3) or '3.resid_post'")
    for site in found:
        try:
            locate(subject.model, subject.architecture, site)
        except SubjectError as error:
            raise SubjectError(f"{error}. It offers: {_offers(subject)}") from error
        is_checked = any(item.name == site.stream for item in subject.capabilities.items)
        if is_checked and site.layer not in proven_layers(subject, site.stream):
            reason = subject.capabilities.reason(site.stream) or "not in this layer"
            raise SubjectError(
                f"{subject.name} has no proven site {name_site(site)}: {reason}. It offers: {_offers(subject)}"
            )
    return found


def proven_layers(subject: Subject, stream: Stream) -> Sequence[int]:
    """Layers in which `stream` was proven."""
    items = [item for item in subject.capabilities.items if item.name == stream and item.is_proven]
    return items[0].layers or () if items else ()


def _offers(subject: Subject) -> str:
    return "; ".join(f"{stream} in layers {_show(proven_layers(subject, stream))}" for stream in STREAMS)


def _show(layers: Sequence[int]) -> str:
    if not layers:
        return "none"
    is_run = len(layers) > 2 and tuple(layers) == tuple(range(layers[0], layers[-1] + 1))
    return f"{layers[0]} to {layers[-1]}" if is_run else ", ".join(map(str, layers))
