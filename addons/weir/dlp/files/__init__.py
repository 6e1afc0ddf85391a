"""Files that travel inside a request: their texts, and an honest word on what of them was not seen."""

from weir.dlp.files.attach import attach, holds_files
from weir.dlp.files.job import FileLimits, FileText, FileTexts
from weir.dlp.files.pool import read_file

__all__ = ["FileLimits", "FileText", "FileTexts", "attach", "holds_files", "read_file"]
