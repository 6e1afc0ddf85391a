"""PDF documents, by PDFium. Native code on a stranger's bytes: this module runs in the reading process only."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from typing import Any, Final

from weir.dlp.files.job import Job, Stop
from weir.dlp.files.pdfbytes import beside_pages

__all__ = ["read_pdf"]

_PAGES_MAX: Final = 5000
_NOTES_MAX: Final = 5000  # a page
_KEYS: Final = (b"Contents", b"V", b"DV", b"TU", b"RC", b"T", b"Subj", b"NM")
_PASSWORD: Final = 4
_BREAK_MARK: Final = "\x02"  # where PDFium saw a word go on in the next line
_UNMAPPED = re.compile("[\x00\ufffd\ufffe\uffff\ue000-\uf8ff]")
_XFA: Final = (2, 3)


def read_pdf(job: Job, data: bytes, where: str) -> str:
    """Read pages, annotations, form fields, properties, outline and attached files. Raises Stop."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD:
            job.miss("encrypted file")
            beside_pages(job, data, where)
            return "pdf"
        raise Stop("file: damaged PDF") from None
    try:
        if document.get_formtype():
            document.init_forms()
        if document.get_formtype() in _XFA:
            _packets(job, document, where, raw)
        properties = document.get_metadata_dict(skip_empty=True)
        outline = [bookmark.get_title() for bookmark in document.get_toc(max_depth=15)]
        job.add(f"{where}info", "\n".join([*properties.values(), *outline]))
        if len(document) > _PAGES_MAX:
            job.miss("file: more pages than the limit", failed=True)
        for number in range(min(len(document), _PAGES_MAX)):
            job.check()
            _page(job, document, number, where, raw)
        for number in range(document.count_attachments()):
            job.member()
            attached = document.get_attachment(number)
            body = bytes(attached.get_data())
            job.take(len(body))
            job.add(f"{where}attachment/{number}/name", attached.get_name())
            job.nested(body, f"{where}attachment/{number}/", attached.get_name())
    except pypdfium2.PdfiumError:
        raise Stop("file: damaged PDF") from None
    finally:
        document.close()
    beside_pages(job, data, where)
    return "pdf"


def _packets(job: Job, document: Any, where: str, raw: Any) -> None:
    """The parts of an XFA form, which is XML."""
    count = raw.FPDF_GetXFAPacketCount(document)
    if count <= 0:
        job.miss("file: XFA form")
    for number in range(min(count, _NOTES_MAX)):
        size = ctypes.c_ulong()
        if not raw.FPDF_GetXFAPacketContent(document, number, None, 0, size):
            job.miss("file: XFA form", failed=True)
            continue
        job.take(size.value)
        buffer = ctypes.create_string_buffer(size.value)
        raw.FPDF_GetXFAPacketContent(document, number, buffer, size.value, size)
        job.nested(buffer.raw, f"{where}form/{number}/", media_type="application/xml")


def _page(job: Job, document: Any, number: int, where: str, raw: Any) -> None:
    page = document[number]
    try:
        shown = page.get_textpage()
        text = str(shown.get_text_range())
        shown.close()
        job.take(len(text))
        if len(_UNMAPPED.findall(text)) * 10 > len(text):
            job.miss("file: letters of an unknown font")
        job.add(f"{where}page/{number}", text.replace(_BREAK_MARK, "-"))
        stamped = raw.FPDFPage_GetAnnotCount(page) > 0
        notes = "\n".join(_notes(page, document, raw))
        job.take(len(notes))
        job.add(f"{where}page/{number}/notes", notes)
        kinds = {item.type for item in page.get_objects(max_depth=4)}
        if raw.FPDF_PAGEOBJ_IMAGE in kinds:
            job.miss("image")
        elif kinds and text.isspace() | (not text):
            job.miss("file: page without text")
        flat = stamped and raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS
    finally:
        page.close()
    if flat:
        _drawn_notes(job, document[number], text, f"{where}page/{number}/stamps")


def _drawn_notes(job: Job, page: Any, before: str, where: str) -> None:
    """What annotations look like may say other things than they do; ``before`` is the page without them."""
    try:
        shown = page.get_textpage()
        text = str(shown.get_text_range())
        shown.close()
    finally:
        page.close()
    known = frozenset(before.splitlines())
    job.take(len(text))
    job.add(where, "\n".join(line for line in text.splitlines() if line not in known).replace(_BREAK_MARK, "-"))


def _notes(page: Any, document: Any, raw: Any) -> Iterator[str]:
    """What annotations and form fields of a page say, and where its links lead."""
    form = document.formenv
    for number in range(min(raw.FPDFPage_GetAnnotCount(page), _NOTES_MAX)):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            for key in _KEYS:
                yield _wide(lambda buffer, size, a=annotation, k=key: raw.FPDFAnnot_GetStringValue(a, k, buffer, size))
            if form is not None:
                yield _wide(lambda buffer, size, a=annotation: raw.FPDFAnnot_GetFormFieldValue(form, a, buffer, size))
            link = raw.FPDFAnnot_GetLink(annotation)
            action = raw.FPDFLink_GetAction(link) if link else None
            if action:
                yield _narrow(lambda buffer, size, a=action: raw.FPDFAction_GetURIPath(document, a, buffer, size))
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _wide(call: Any) -> str:
    """A text that PDFium writes as UTF-16 with a closing zero."""
    size = call(None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    call(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", "replace")


def _narrow(call: Any) -> str:
    size = call(None, 0)
    if size <= 1:
        return ""
    buffer = ctypes.create_string_buffer(size)
    call(buffer, size)
    return buffer.raw[: size - 1].decode("utf-8", "replace")
