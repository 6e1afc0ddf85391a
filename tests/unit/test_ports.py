"""The Protocols: what stands behind each of them in weir fits it."""

from __future__ import annotations

from weir.dlp.standins.mask import ConversationMasker
from weir.dlp.standins.pseudonyms import Pseudonyms, Restorer
from weir.ports import Masker, TextMap


def test_dlp_lends_its_abilities_by_the_ports() -> None:
    masker: Masker = ConversationMasker(Pseudonyms(b"k" * 32, 10))
    assert masker.edits((), (), ()) == {} and masker.restorer() is None
    text: TextMap = Restorer({"<A_1>": "x"})
    assert text.feed("a", "<A_1>") + text.flush("a") == "x"
