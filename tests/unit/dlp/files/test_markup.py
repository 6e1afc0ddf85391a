from __future__ import annotations

import pytest

from harness.effort import within
from weir.dlp.files.markup import attributes, has_entities, plain, xml_text


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("<p>AK<b>IA</b></p>", "\nAKIA\n"),
        ("<td>1</td><td>2</td>", "\n1\n\n2\n"),
        ("<w:p><w:r><w:t>a</w:t></w:r><w:r><w:t>b</w:t></w:r></w:p>", "\nab\n"),
        ("a<!-- hidden -->b", "ab\n hidden "),
        ("AK<!---->IA<?x y?>23", "AKIA23\n\nx y"),
        ("a<!-- open <b>c", "a\n open c"),
        ("a<!-- one --><![CDATA[<!-- b -->]]>c<?d", "ac\nd\n one \n b "),
        ("<a><![CDATA[x < y]]></a>", "x < y"),
        ("<?target words?>", "\ntarget words"),
        ("1 &lt; 2 &#65;", "1 < 2 A"),
        ("<a b='x>y'>z", "y'>z\nz"),
        ("AK<b c='>'/>IA", "AK'/>IA\nAKIA"),
        ("a < b", "a < b"),
        ("<pre>x</pre>", "\nx\n"),
    ],
)
def test_no_text_is_dropped_with_the_tags(text: str, want: str) -> None:
    assert plain(text) == want


def test_attributes() -> None:
    text = '<a href=\'https://x.example/?a=1&amp;b=2\' id=\'s\'><b t="double words"/><c t="double words"/>="no tag"'
    assert list(attributes(text)) == ["https://x.example/?a=1&b=2", "double words"]
    assert attributes('<a xmlns="http://schemas.example/x">') == {}


def test_encodings() -> None:
    assert xml_text("<?xml version='1.0' encoding='windows-1251'?><a>\u0434</a>".encode("cp1251")) == (
        "<?xml version='1.0' encoding='windows-1251'?><a>\u0434</a>"
    )
    assert xml_text("<a/>".encode("utf-16")) == "<a/>"
    assert xml_text(bytes(range(256))) is None


def test_entities() -> None:
    assert has_entities("<!DOCTYPE a [<!ENTITY b 'c'>]>") and not has_entities("<a>&amp;</a>")


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a ", "&", "&#", '="', "='", "<![CDATA[", "<p", "<a='", "<?", "<!-- -->", "<a='>", "=\"'"]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    within(2, lambda: (plain(text), attributes(text)))
