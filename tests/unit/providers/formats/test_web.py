from __future__ import annotations

from weir.providers.formats.dialects import dialects
from weir.providers.formats.web import web_dialects


def test_they_are_among_all() -> None:
    mine = {dialect.id for dialect in web_dialects()}
    assert len(mine) == len(web_dialects()) == 10
    assert mine <= dialects(frozenset()).keys()
