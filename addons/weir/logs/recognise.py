"""Which format a file is of: by what stands in it, never by its name."""

from __future__ import annotations

from collections.abc import Iterable

from weir.logs.format import Format, FormatError, Sample

__all__ = ["Unrecognised", "recognise"]

_SURE = 0.5
_APART = 0.15  # how much surer the best must be than the next


class Unrecognised(FormatError):
    """The file is of no format that can be told, or of several; naming one helps."""


def recognise(sample: Sample, formats: Iterable[Format]) -> Format:
    """The one format that ``sample`` looks like. Unrecognised, naming the choices, when it is none or several."""
    claims = sorted(((format.looks(sample), format.name, format) for format in formats), reverse=True)
    claims = [claim for claim in claims if claim[0] >= _SURE]
    if not claims:
        raise Unrecognised("is of no format that can be recognised; name it with --format")
    best = claims[0][0]
    close = [claim for claim in claims if best - claim[0] < _APART]
    if len(close) > 1:
        names = " or ".join(sorted(name for _, name, _ in close))
        raise Unrecognised(f"could be {names}; say which with --format")
    return close[0][2]
