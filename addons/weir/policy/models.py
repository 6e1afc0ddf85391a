"""Models that a request names beside the one it is for: fallbacks, a session's, a tool's, those of a batch. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from weir.model import Segment

__all__ = ["besides"]

# Where providers read the name of a model. Elsewhere a member of that name is a text: a schema's, a tool's argument.
# Some read their members' names in any case.
_PLACE = re.compile(
    r"/(?:models/\d+|(?i:model)(?:/\d+)?"
    r"|(?:session|response|data_source|tools/\d+|testing_criteria/\d+|requests/\d+(?:/params)?)/model)"
)

_REST = "#rest#key"  # texts beyond those that have a place of their own: any of them may name a model


def besides(segments: Iterable[Segment]) -> tuple[str, ...]:
    """The names in ``segments``, the texts of a request, each once; whatever stands there is one, however odd."""
    found = (
        "#rest" if segment.pointer == _REST else segment.text.strip().removeprefix("models/")
        for segment in segments
        if segment.pointer == _REST
        or (
            (segment.pointer[-5:].lower() == "model" or segment.pointer[:6].lower() == "/model")
            and _PLACE.fullmatch(segment.pointer)
        )
    )
    return tuple(dict.fromkeys(found))
