from __future__ import annotations

import io
import zipfile

import pytest

from harness import papers
from weir.dlp.files.job import FileLimits, Job
from weir.dlp.files.office import _cells, family, read_part, read_workbook

WORD = "alder-brook-4711-cedar"


def job() -> Job:
    return Job(FileLimits(), None, lambda *_: "")


def test_families() -> None:
    assert family(["[Content_Types].xml", "word/document.xml"]) == "docx"
    assert family(["[Content_Types].xml", "xl/workbook.xml"]) == "xlsx"
    assert family(["[CONTENT_TYPES].XML", "PPT/presentation.xml"]) == "pptx"
    assert family(["mimetype", "content.xml"]) == "odf"
    assert family(["word/document.xml"]) == family([]) == "zip"


def test_a_part() -> None:
    one, values = job(), dict[str, None]()
    assert read_part(one, b"<w:p><w:t>AK</w:t><w:t>IA</w:t><w:a w:b='words here'/></w:p>", "word/x.xml", "p", values)
    assert [text.text.strip() for text in one.result("").texts] == ["AKIA"] and list(values) == ["words here"]
    assert not read_part(one, papers.PNG, "word/media/a.png", "p", values)
    assert not read_part(one, bytes(range(256)), "word/odd.xml", "p", values)


def sheet(cells: str, strings: str = "") -> str:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>{cells}</sheetData></worksheet>")
        archive.writestr("xl/sharedStrings.xml", f"<sst>{strings}</sst>")
    one = job()
    with zipfile.ZipFile(out) as archive:
        rest = read_workbook(one, archive, archive.infolist(), "", lambda _, a, info: a.read(info), {})
    assert rest == []
    return next((text.text for text in one.result("").texts if text.where == "sheet/0"), "")


@pytest.mark.parametrize(
    ("cells", "strings", "want"),
    [
        ("<row><c t='s'><v>1</v></c><c><v>7</v></c></row>", "<si><t>a</t></si><si><t>b&amp;c</t></si>", "b&c\t7\t\n"),
        (
            "<row><c t='s'><v>0</v></c></row>",
            "<si><r><t>AK</t></r><rPh><t>x</t></rPh><r><t>IA</t></r></si>",
            "AKIA\t\n",
        ),
        ("<x:row><x:c t='inlineStr'><x:is><x:t>in</x:t></x:is></x:c></x:row>", "", "in\t\n"),
        ("<row><c><v>4.111111111111111E+15</v></c></row>", "", "4111111111111111\t\n"),
        ("<row><c t='s'><v>9</v></c><c/><c><v>x</v></c></row>", "<si/>", "\tx\t\n"),
        ("<row><c><f>A1&amp;B1</f><v>both</v></c></row>", "", "A1&B1\n\nboth\t\n"),
    ],
)
def test_cells_stand_in_rows_with_their_strings(cells: str, strings: str, want: str) -> None:
    assert sheet(cells, strings) == want


@pytest.mark.parametrize(
    "rows",
    [
        f"<row><c z='>' t='str'><v>{WORD}</v></c></row>",
        f"<row><c><v>1</v></c>{WORD}<c><v>2</v></c></row>",
        f"<row/></sheetData><x>{WORD}</x><sheetData>",
        f"<row><c><v>1</v></c></row>{WORD}",
        f"<row><c t='str'><v>{WORD[:9]}<!--x-->{WORD[9:]}</v></c></row>",
    ],
)
def test_nothing_between_the_cells_is_lost(rows: str) -> None:
    text = _cells(
        Job(FileLimits(), None, lambda *_: ""), f"<worksheet><sheetData>{rows}</sheetData></worksheet>", [], set()
    )
    assert WORD in text
