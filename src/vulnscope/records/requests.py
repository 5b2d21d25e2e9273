"""Which model and which corpus a study is asked for; stored in the run, so that resuming needs only the run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from vulnscope.errors import InputError
from vulnscope.records.base import Record
from vulnscope.records.endpoints import EndpointSpec


class SubjectRequest(Record):
    """Which model to open and how."""

    name: str = Field(description="Hub id, local folder, or 'organism'")
    revision: str | None = Field(default=None, description="branch, tag or commit of a Hub model")
    dtype: str = Field(default="auto", description="auto | float32 | bfloat16 | float16")
    device: str = Field(default="auto", description="auto | cpu | cuda | cuda:1 | mps")
    quantize: str | None = Field(default=None, description="nf4, or None")
    adapter: str | None = Field(default=None, description="folder or Hub id of a PEFT adapter")
    trust_remote_code: bool = Field(default=False, description="run code that comes with the model")
    layers_path: str | None = Field(default=None, description="path of the decoder layers where the rule cannot decide")
    endpoint: EndpointSpec | None = Field(default=None, description="where the model answers, instead of here")

    def local_options(self) -> dict[str, Any]:
        """Everything `open_subject` takes; raises `InputError` for a model behind an endpoint."""
        if self.endpoint is not None:
            raise InputError(f"{self.name} answers behind {self.endpoint.url}; its weights cannot be opened here")
        return self.model_dump(exclude={"endpoint"})


class CorpusRequest(Record):
    """Which corpus to load and how."""

    name: str = Field(description="a registered corpus")
    data_dir: str | None = Field(default=None, description="its folder or file, in the published layout")
    skip_bad: bool = Field(default=False, description="leave malformed rows out, counted and listed")
    options: tuple[tuple[str, str], ...] = Field(default=(), description="loader options, e.g. a column map")


class StudyRequest(Record):
    """What all studies are asked; each adds its own settings."""

    subject: SubjectRequest
    corpus: CorpusRequest
