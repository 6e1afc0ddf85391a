"""What the pages of AI services send beside prompts: JSON by no format that is known, of which every text is read.

Web apps are not documented and change often. A body that no other dialect is for is read by this one, so that a draft,
a title or a report of what was clicked is looked at like a prompt; no model is asked by it, and nothing is counted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Unparsed
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.generic import generic_events
from weir.providers.replies.notes import Events
from weir.providers.requests.walk import Walk
from weir.providers.wire.jsondoc import loads
from weir.providers.wire.values import Json

__all__ = ["WEB_JSON", "WebJson"]

WEB_JSON: Final = "web_json"


class WebJson(BaseDialect):
    """Any JSON object or list."""

    id = WEB_JSON
    sections: ClassVar = {"prompt": "user", "message": "user", "query": "user", "text": "user", "messages": "user"}

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a body. Raises Unparsed when it is no JSON, whatever the bytes."""
        document: Json = loads(body)
        if isinstance(document, dict):
            return replace(self.read(document, endpoint), model="")  # whatever it calls so is no model that answers
        if not isinstance(document, list):
            raise Unparsed("neither a JSON object nor a list")
        walk = Walk(self.sections, self.types, self.members)
        walk.take(document)
        return Exchange(
            endpoint,
            "",
            endpoint.stream,
            tuple(walk.segments),
            tuple(walk.attachments),
            inspection=Inspection.PARTIAL if walk.reasons else Inspection.INSPECTED,
            reason="; ".join(walk.reasons),
        )

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return generic_events()
