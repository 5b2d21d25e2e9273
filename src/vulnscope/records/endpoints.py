"""Which endpoint, how fast, how patiently, at what price."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from vulnscope.errors import InputError
from vulnscope.records.base import Record

Api = Literal["chat", "completions"]


class EndpointSpec(Record):
    """An OpenAI-compatible endpoint. The key itself is never stored, only the variable that holds it."""

    url: str = Field(description="base, such as http://127.0.0.1:8000/v1; the path of the API is appended")
    api: Api | Literal["auto"] = Field(
        default="chat",
        description="chat: /chat/completions; completions: /completions, for base models; auto: chat where it answers",
    )
    key_variable: str | None = Field(default=None, description="environment variable with the API key; None sends none")
    concurrency: int = Field(default=4, ge=1, le=256, description="requests under way at once")
    requests_per_minute: float | None = Field(default=None, gt=0, description="no faster than this; None: no limit")
    timeout_seconds: float = Field(default=120.0, gt=0, description="for one request to answer")
    max_attempts: int = Field(default=6, ge=1, description="tries per request before the run stops, resumable")
    price_in: float | None = Field(default=None, ge=0, description="of a million prompt tokens")
    price_out: float | None = Field(default=None, ge=0, description="of a million written tokens")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("an endpoint begins with http:// or https://")
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            # Not repeated here: messages reach screens and logs.
            raise ValueError("the address holds a user name or password; put a key into a variable: --api-key-env NAME")
        if parts.query or parts.fragment:
            raise ValueError("the path of the API is appended to the address, so it cannot end in '?...' or '#...'")
        return url.rstrip("/")

    def read_key(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """The API key; raises `InputError` where the variable is named but not set."""
        if self.key_variable is None:
            return None
        key = environ.get(self.key_variable, "").strip()
        if not key:
            raise InputError(f"the environment variable {self.key_variable} is not set; it should hold the API key")
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise InputError(f"the API key in {self.key_variable} holds characters that a request cannot carry")
        return key
