"""What stands in the parts of office documents: text, notes, comments, properties, link targets, cells of sheets."""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Final

from weir.dlp.files.job import Job
from weir.dlp.files.markup import attributes, has_entities, local, plain, xml_text

__all__ = ["family", "read_part", "read_workbook"]

_XML: Final = (".xml", ".rels", ".vml", ".xhtml", ".html", ".htm")
_SHARED: Final = "sharedstrings.xml"
_ITEM = re.compile(rf"<{local('si')}[^<>]*?(?:/>|>(.*?)</{local('si')}[^<>]*>)", re.DOTALL)
_PHONETIC = re.compile(rf"<{local('rPh')}.*?</{local('rPh')}[^<>]*>", re.DOTALL)
_CELL = re.compile(rf"<{local('c')}([^<>]*?)(?:/>|>(.*?)</{local('c')}\s*>)|</{local('row')}\s*>", re.DOTALL)
_SHARED_CELL = re.compile(r"\bt\s*=\s*[\"']s[\"']")
_VALUE = re.compile(rf"<{local('v')}[^<>]*>\s*(\d{{1,9}})\s*</")
_TAG = re.compile(r"<[^<>]*>")
_POWER = re.compile(r"-?\d(?:\.\d+)?E\+?\d{1,2}")
_ROW = re.compile(rf"\s*(?:<{local('row')}[^<>]*>\s*)?")
_ROW_MARK_MAX: Final = 400
_STEP: Final = 4096  # cells between two looks at the clock

Unpack = Callable[[Job, zipfile.ZipFile, zipfile.ZipInfo], bytes | None]


def family(names: Sequence[str]) -> str:
    """Which kind of document an archive with these members is: docx, xlsx, pptx, odf, or just zip."""
    low = {name.lower() for name in names}
    if "[content_types].xml" in low:
        for folder, kind in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
            if any(name.startswith(folder) for name in low):
                return kind
    return "odf" if "mimetype" in low and "content.xml" in low else "zip"


def read_part(job: Job, body: bytes, name: str, where: str, values: dict[str, None]) -> bool:
    """Read a part that is XML; False when it is something else (a picture, a document within the document).

    The values of attributes (link targets, names of pictures) go to ``values``: most parts repeat those of others.
    """
    if not name.lower().endswith(_XML):
        return False
    text = xml_text(body)
    if text is None:
        return False
    if has_entities(text):
        job.miss("file: XML that defines entities", failed=True)
    job.add(f"{where}/text", plain(text))
    values |= attributes(text)
    return True


def read_workbook(
    job: Job,
    archive: zipfile.ZipFile,
    infos: Sequence[zipfile.ZipInfo],
    where: str,
    unpack: Unpack,
    values: dict[str, None],
) -> list[zipfile.ZipInfo]:
    """Read the sheets of a workbook, each as lines of cells with the shared strings in their places.

    Returns the members that are still to be read. Strings that no cell shows are kept as well.
    """
    strings: list[str] = []
    shown: set[int] = set()
    rest: list[zipfile.ZipInfo] = []
    sheets: list[zipfile.ZipInfo] = []
    for info in infos:
        low = info.filename.lower()
        if low.startswith("xl/worksheets/") and low.endswith(".xml"):
            sheets.append(info)
        elif low.startswith("xl/") and low.endswith(_SHARED):
            text = _xml(job, archive, info, unpack)
            for item in _ITEM.findall(_PHONETIC.sub("", text) if "rPh" in text else text):
                strings.append(html.unescape(_TAG.sub("", item)))
            values |= attributes(text)
        elif not (low.startswith("xl/") and low.endswith(("styles.xml", "calcchain.xml"))):
            rest.append(info)
        else:
            text = _xml(job, archive, info, unpack)
            job.add(f"{where}styles", plain(text))
            values |= attributes(text)
    for number, info in enumerate(sheets):
        text = _xml(job, archive, info, unpack)
        job.add(f"{where}sheet/{number}", _cells(job, text, strings, shown))
        beside = _outside(text)
        job.add(f"{where}sheet/{number}/rest", plain(beside))
        values |= attributes(beside)
    job.add(f"{where}strings", "\n".join(text for at, text in enumerate(strings) if at not in shown))
    return rest


def _xml(job: Job, archive: zipfile.ZipFile, info: zipfile.ZipInfo, unpack: Unpack) -> str:
    body = unpack(job, archive, info)
    text = xml_text(body) if body else ""
    if text is None:
        job.miss("file: a sheet in an encoding that is not known", failed=True)
        return ""
    if has_entities(text):
        job.miss("file: XML that defines entities", failed=True)
    return text


def _cells(job: Job, text: str, strings: Sequence[str], shown: set[int]) -> str:
    """The cells of a sheet, a line a row; a formula stands before its last value."""
    out: list[str] = []
    beside: list[str] = []
    end = max(0, text.find("<sheetData"))
    for number, cell in enumerate(_CELL.finditer(text)):
        if not number % _STEP:
            job.check()
        if len(between := text[end : cell.start()]) > _ROW_MARK_MAX or not _ROW.fullmatch(between):
            beside.append(plain(between).strip())  # no reader of sheets would look for it there, but it travels along
        end = cell.end()
        marks, inner = cell.groups()
        if marks is None:
            out.append("\n")
            continue
        if not inner:
            continue
        value = _VALUE.search(inner) if _SHARED_CELL.search(marks) else None
        if value is None:
            out.append(_number(plain(inner).strip("\n")))
        elif int(value[1]) < len(strings):
            shown.add(int(value[1]))
            out.append(strings[int(value[1])])
        out.append("\t")
    beside.append(plain(text[end:]).strip())
    return "\n".join(filter(None, ("".join(out), *beside)))


def _number(text: str) -> str:
    """Large numbers are stored as powers of ten: written out, so that an account number reads as one."""
    return f"{float(text):.0f}" if _POWER.fullmatch(text) else text


def _outside(text: str) -> str:
    """What a sheet says beside its cells: headers and footers, messages of validations, link targets, conditions."""
    before, _, rest = text.partition("<sheetData")
    after = rest.rpartition("</sheetData")[2] if "</sheetData" in rest else ""
    return f"{before}\n<{after}" if rest else text
