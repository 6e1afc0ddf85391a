"""XML and HTML as text, by one pass that knows no entities of the document's own and so cannot be made to expand any.

Tags go; what stands between them is never dropped: CDATA loses its marks, comments and instructions move to the end.
What stands inside tags is read from their attributes.
"""

from __future__ import annotations

import html
import re
from typing import Final

from weir.dlp.files.textual import decode

__all__ = ["attributes", "has_entities", "local", "plain", "xml_text"]

_TAG = re.compile(r"<[^<>]*>")
_MARKS = re.compile(r"<!--|-->|<\?|\?>")
_ASIDE = re.compile(r"<!--|<\?")
_CLOSED: Final = {"<!--": "-->", "<?": "?>"}
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")
# A tag may hold the sign that ends it within an attribute, for those readers that look at quotes.
_QUOTED_TAG = re.compile(r"<(?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+>|<[^<>]*>")
_ENDS_IN_QUOTES = re.compile(r"=\s*(?:\"[^\"<>]*+>|'[^'<>]*+>)")
_ATTRIBUTE = re.compile(r"=\s*(?:\"([^\"]{6,})\"|'([^']{6,})')")
_PREFIX = r"(?:[\w.-]+:)?"
# Where a reader of the document would see a gap: in HTML, in text documents, on slides.
_BREAKS: Final = (
    "p|br|cr|tab|tr|tc|td|th|li|ul|ol|div|h[1-6]|h|title|option|row|cell|table-cell|table-row|line-break|s|si|comment"
    "|section|article|header|footer|pre|blockquote|dt|dd|table|body|head|script|style|textarea|button|label|v|f|is"
)
_BREAK = re.compile(rf"</?{_PREFIX}(?:{_BREAKS})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_OF_A_SCHEMA: Final = ("http://schemas.", "http://purl.", "http://www.w3.org/", "urn:oasis:")


def xml_text(data: bytes) -> str | None:
    """The characters of an XML document, by its mark or declaration; None when they can't be told."""
    stated = _ENCODING.match(data[:256].lstrip(b"\xef\xbb\xbf \t\r\n"))
    charset = f"; charset={stated[1].decode('ascii')}" if stated else ""
    done = decode(data, charset)
    return done[0] if done else None


def local(name: str) -> str:
    """A pattern for the element ``name`` under any prefix, up to the end of its name."""
    return rf"{_PREFIX}{name}(?=[\s/>])"


def plain(text: str) -> str:
    """``text`` without tags; pieces that a tag or a comment cuts in the middle of a line are one again.

    What comments and instructions say stands after all the rest.
    """
    text = _CDATA.sub("", text)
    if "<!--" in text or "<?" in text:
        text = _MARKS.sub("\n", _asides_last(text))
    text = _BREAK.sub("\n", text)
    bare = _TAG.sub("", text)
    text = "\n".join((bare, _QUOTED_TAG.sub("", text))) if _ENDS_IN_QUOTES.search(text) else bare
    return html.unescape(text) if "&" in text else text


def _asides_last(text: str) -> str:
    """``text`` with what comments and instructions say moved behind it, a line each."""
    kept: list[str] = []
    asides: list[str] = []
    open_ended: set[str] = set()
    at = 0
    for found in _ASIDE.finditer(text):
        if found.start() < at or found[0] in open_ended:
            continue
        close = _CLOSED[found[0]]
        end = text.find(close, found.end())
        if end < 0:
            open_ended.add(found[0])  # and so are all that follow
            continue
        kept.append(text[at : found.start()])
        asides.append(text[found.end() : end])
        at = end + len(close)
    return "\n".join(("".join((*kept, text[at:])), *asides))


def attributes(text: str) -> dict[str, None]:
    """The values of all attributes that are long enough to say something, each once, in order."""
    values: dict[str, None] = {}
    for tag in dict.fromkeys(_TAG.findall(text)):
        for double, single in _ATTRIBUTE.findall(tag):
            value = double or single
            if not value.startswith(_OF_A_SCHEMA):
                values[html.unescape(value) if "&" in value else value] = None
    return values


def has_entities(text: str) -> bool:
    """True when the document defines entities: they are not expanded, so what they spell is not seen."""
    return "<!ENTITY" in text
