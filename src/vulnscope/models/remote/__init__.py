"""Models behind an OpenAI-compatible endpoint. Needs neither torch nor transformers."""

from vulnscope.models.remote.client import EndpointClient
from vulnscope.models.remote.messages import ChatRequest, Completion, TextRequest
from vulnscope.records.endpoints import EndpointSpec

__all__ = ["ChatRequest", "Completion", "EndpointClient", "EndpointSpec", "TextRequest"]
