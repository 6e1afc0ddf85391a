"""``file:/path``: the content of a file that only weir may read (0600)."""

from __future__ import annotations

from pathlib import Path

from weir.datadir import DataDirError, read_private
from weir.keys.backends import SecretUnavailable

__all__ = ["fetch"]

MAX_BYTES = 64 * 1024


def fetch(reference: str) -> str:
    """The file's text, without outer white space. Raises SecretUnavailable when it is missing, open to others or empty.

    The path is absolute, so that it does not depend on where weir was started.
    """
    path = Path(reference)
    if not path.is_absolute():
        # Not quoted: somebody may have put the key itself where its path belongs.
        raise SecretUnavailable("what follows file: is not an absolute path; write file:/etc/weir/openai.key")
    try:
        data = read_private(path, MAX_BYTES)
    except DataDirError as error:
        raise SecretUnavailable(str(error)) from None
    try:
        value = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretUnavailable(f"{path}: is not UTF-8 text") from None
    if not value:
        raise SecretUnavailable(f"{path}: is empty")
    return value
