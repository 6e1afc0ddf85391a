"""Small documents of every kind, as offices and programs write them, around a text that a test chooses."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage
from functools import cache
from xml.sax.saxutils import escape

__all__ = [
    "PNG", "docx", "eml", "jsonl", "locked_pdf", "locked_zip", "odt", "pdf", "pptx", "tar", "xlsx", "zip_bomb",
    "zipped",
]  # fmt: skip

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:p="urn:p"'
_TYPES = "<?xml version='1.0'?><Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>"


def zipped(members: Mapping[str, bytes | str], comment: str = "") -> bytes:
    """A ZIP archive of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
        archive.comment = comment.encode()
    return out.getvalue()


def locked_zip(text: str, *, truly: bool = True) -> bytes:
    """An archive whose one member says of itself that it is encrypted; ``truly``: and can't be read."""
    data = bytearray(zipped({"a.txt": text}))
    data[35] ^= 0xFF if truly else 0  # the member's first byte
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


@cache
def zip_bomb(size: int = 200 << 20) -> bytes:
    """An archive that unpacks to ``size`` bytes and more; a second of work."""
    return zipped({f"{number}.txt": b"a" * (size // 4) for number in range(5)})


def docx(text: str, *, note: str = "", picture: bool = False) -> bytes:
    """A text document; ``text`` stands in two runs, as if its half were bold."""
    half = len(text) // 2
    runs = "".join(f"<w:r><w:rPr/><w:t>{escape(piece)}</w:t></w:r>" for piece in (text[:half], text[half:]))
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": _TYPES,
        "word/document.xml": f"<?xml version='1.0'?><w:document {_W}><w:body><w:p>{runs}</w:p></w:body></w:document>",
        "word/comments.xml": f"<w:comments {_W}><w:comment><w:p><w:r><w:t>{escape(note)}</w:t></w:r></w:p>"
        "</w:comment></w:comments>",
        "word/_rels/document.xml.rels": "<Relationships><Relationship Target='https://intranet.example/plan'/>"
        "</Relationships>",
    }
    if picture:
        members["word/media/image1.png"] = PNG
    return zipped(members)


def xlsx(text: str, *, hidden: str = "", comment: str = "") -> bytes:
    """A workbook: ``text`` is a shared string of the first sheet, ``hidden`` the value of a formula on a hidden one."""
    strings = f"<sst {_S}><si><t>name</t></si><si><r><t>{escape(text[:3])}</t></r><r><t>{escape(text[3:])}</t></r></si>"
    sheet = f"<worksheet {_S}><sheetData><row r='1'>{{}}</row></sheetData></worksheet>"
    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "xl/workbook.xml": f"<workbook {_S}><sheets><sheet name='Staff'/><sheet name='Old' state='hidden'/>"
            "</sheets></workbook>",
            "xl/sharedStrings.xml": strings + "<si><t>nobody shows this one</t></si></sst>",
            "xl/worksheets/sheet1.xml": sheet.format(
                '<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1"><v>4.111111111111E+15</v></c>'
            ),
            "xl/worksheets/sheet2.xml": sheet.format(
                f'<c r="A1" t="str"><f>CONCAT(B1,C1)</f><v>{escape(hidden)}</v></c>'
            ),
            "xl/comments1.xml": f"<comments {_S}><comment><text><r><t>{escape(comment)}</t></r></text></comment>"
            "</comments>",
        }
    )


def pptx(text: str, *, note: str = "") -> bytes:
    """A slide with a text, and what its speaker is to say."""

    def shape(words: str) -> str:
        return f"<p:sld {_A}><p:txBody><a:p><a:r><a:t>{escape(words)}</a:t></a:r></a:p></p:txBody></p:sld>"

    return zipped(
        {
            "[Content_Types].xml": _TYPES,
            "ppt/presentation.xml": f"<p:presentation {_A}/>",
            "ppt/slides/slide1.xml": shape(text),
            "ppt/notesSlides/notesSlide1.xml": shape(note),
        }
    )


def odt(text: str) -> bytes:
    """An OpenDocument text."""
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f"<office:document><text:p>{escape(text)}</text:p></office:document>",
        }
    )


def tar(members: Mapping[str, bytes]) -> bytes:
    """A TAR archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def eml(text: str, *, subject: str = "River", attached: bytes = b"") -> bytes:
    """A message with a plain body, encoded as mail does, and an attachment."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@lab.example", "b@lab.example", subject
    message["Message-ID"] = "<1@lab.example>"
    message.set_content(text, cte="base64")
    if attached:
        message.add_attachment(attached, maintype="application", subtype="octet-stream", filename="attached.bin")
    return message.as_bytes()


def jsonl(text: str) -> bytes:
    """A line as batch and fine-tuning files have them; quotes and line ends in ``text`` are escaped."""
    ask = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [{"content": text}]}}
    return (json.dumps(ask) + "\n").encode()


def _objects(objects: list[bytes], trailer: bytes = b"") -> bytes:
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root 1 0 R/Info 6 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1, trailer, start
    )  # fmt: skip
    return bytes(out)


def _quoted(text: str) -> bytes:
    return b"(" + text.encode("latin-1").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)") + b")"


def pdf(text: str, *, note: str = "", field: str = "", title: str = "", picture: bool = False) -> bytes:
    """One page with a text, a note, a filled form field and a title; ``picture`` puts an image on it."""
    drawn = b"BT /F1 12 Tf 20 700 Td %s Tj ET" % _quoted(text) if text else b""
    drawn += b" q 100 0 0 100 20 20 cm /I1 Do Q" if picture else b""
    notes = b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents %s>>" % _quoted(note)
    filled = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(f)/Rect[0 0 99 19]/V %s>>" % _quoted(field)
    return _objects(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[8 0 R]>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 5 0 R/Annots[7 0 R 8 0 R]"
            b"/Resources<</Font<</F1 4 0 R>>/XObject<</I1 9 0 R>>>>>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
            b"<</Title %s>>" % _quoted(title),
            notes,
            filled,
            b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>"
            b"stream\n"
            b"\x80\nendstream",
        ]
    )


def locked_pdf() -> bytes:
    """A document that opens with a password only."""
    secret = b"<" + b"5a" * 32 + b">"
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O %s/U %s>>/ID[<00><00>]" % (secret, secret)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    return _objects([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page], lock)
