"""Letters of other scripts that look like ASCII ones, read so only inside words that mix scripts.

A key in which one letter is Cyrillic is still a key to whoever reads it. A Russian word is a Russian word: nothing in
it is changed, and neither is a word with a Latin abbreviation before its hyphen.
"""

from __future__ import annotations

import re

__all__ = ["LOOK_ALIKES", "fold"]

_SCRIPTS = (
    # Cyrillic
    ("авеіјѕсорухһԁԛԝкпгьӏ", "abeijscopyxhdqwknrbl"),
    ("АВЕЅІЈКМНОРСТУХҮԌԚԜЗӀЬ", "ABESIJKMHOPCTYXYGQW3Ib"),
    # Greek
    ("αγικνορτυχϲϳωε", "ayikvoptuxcjwe"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϜͿ", "ABEZHIKMNOPTYXCFJ"),
    # Armenian
    ("օսհոցգզյ", "ouhngqqj"),
    ("ՏՍՕԼ", "SUOL"),
    # Cherokee
    ("ᎠᎡᎢᎪᎫᎬᎳᎷᎻᎽᏀᏃᏎᏒᏚᏞᏟᏢᏦᏴ", "DRTAJEWMHYGZ4RSLCPKB"),
    # Letters of the Latin script that NFKC leaves alone
    ("ɑɡɩɪʏʟɢꜱᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢ", "agiiylgsacdejkmoptuvwz"),
    # Lisu
    ("ꓐꓑꓒꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓤꓥꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPdDTGKJCZFMNLSRRVVHWXYAEIOU"),
)
LOOK_ALIKES = {one: other for alike, plain in _SCRIPTS for one, other in zip(alike, plain, strict=True)}

_TABLE = str.maketrans(LOOK_ALIKES)
_ALIKE = re.escape("".join(LOOK_ALIKES))
_MIXED = re.compile(f"[A-Za-z0-9][{_ALIKE}]|[{_ALIKE}][A-Za-z0-9]")
_WORD = re.compile(f"[A-Za-z0-9_+/=.{_ALIKE}-]{{8,}}")
_ASCII_MIN = 4  # a word with fewer ASCII letters and digits than that is a word of the other script


def fold(text: str) -> str:
    """``text`` with look-alikes in mixed words made ASCII, of the same length; the same object where there are none."""
    if _MIXED.search(text) is None:
        return text
    return _WORD.sub(_plain, text)


def _plain(word: re.Match[str]) -> str:
    found = word[0]
    if found.isascii() or _MIXED.search(found) is None:
        return found
    if sum(character.isascii() and character.isalnum() for character in found) < _ASCII_MIN:
        return found
    return found.translate(_TABLE)
