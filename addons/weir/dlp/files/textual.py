"""Bytes as text, and texts that hide others: escapes in JSON, control words in RTF, encoded files within a line."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["ascii_runs", "decode", "embedded", "strange_charset", "strings", "unescape_json", "unescape_rtf"]

_BOMS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# Charsets a sender may declare; those that give a byte another meaning per state (UTF-7, ISO-2022) are not among them.
_CHARSETS: Final = frozenset(
    {
        "ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "iso8859-1",
        "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15", "cp1250", "cp1251", "cp1252", "cp1253",
        "cp1254", "cp1257", "koi8-r", "koi8-u", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "gbk", "gb18030",
        "gb2312", "big5", "mac-roman",
    }
)  # fmt: skip
_SAMPLE: Final = 64 * 1024
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ESCAPE = re.compile(r'\\(?:(?:u[0-9a-fA-F]{4})(?:\\u[0-9a-fA-F]{4})*|["\\/bfnrt])')
_SHORT: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LONE = re.compile("[\ud800-\udfff]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{160,}+={0,2}|(?:[A-Za-z0-9+/_-]{40,160}\r?\n[ \t]*){2,}+[A-Za-z0-9+/_-]*+={0,2}")
_PRINTABLE = re.compile(rb"[\x20-\x7e\t]{8,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e\t]\x00){8,}")
_RTF = re.compile(
    r"\\'([0-9a-fA-F]{2})|\\u(-?\d{1,6}) ?(?:\\'[0-9a-fA-F]{2}|[^\\{}])?|\\([a-zA-Z]{1,32})(-?\d{1,10})? ?"
    r"|\\([^a-zA-Z])|[{}\r\n]"
)
_RTF_BREAKS: Final = frozenset({"par", "line", "tab", "cell", "row", "page", "sect"})
_RTF_HIDDEN = re.compile(r"\\(?:pict|objdata|bin\d)")


def decode(data: bytes, media_type: str = "") -> tuple[str, bool] | None:
    """``data`` as text, and whether its charset is sure rather than guessed; None when it is no text.

    A byte order mark decides, then UTF-8, then the declared charset, then the shape of UTF-16; the last guess is
    Windows-1252 for bytes without control characters.
    """
    for bom, charset in _BOMS:
        if data.startswith(bom):
            return _by(data[len(bom) :], charset)
    stated = _CHARSET.search(media_type)
    charset = _known(stated[1]) if stated else ""
    if charset.startswith(("utf-16", "utf-32")):
        return _by(data, charset)
    sample = data[:_SAMPLE]
    zeros = sample.count(0)
    if zeros * 4 > len(sample):  # a quarter and more: characters of two bytes or four
        width = "32" if zeros * 8 > len(sample) * 5 else "16"
        order = "be" if sample[::2].count(0) > sample[1::2].count(0) else "le"
        return _by(data, f"utf-{width}-{order}")
    if _CONTROL.search(data) is not None and len(_CONTROL.findall(sample)) * 200 >= len(sample):
        return None
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError:
        pass
    if len(_CONTROL.findall(sample)) * 1000 > len(sample):
        return None
    if charset and (done := _by(data, charset)):
        return done
    return data.decode("cp1252", "replace"), False


def _known(name: str) -> str:
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return ""
    return found if found in _CHARSETS else ""


def _by(data: bytes, charset: str) -> tuple[str, bool] | None:
    try:
        text = data.decode(charset)
    except (UnicodeDecodeError, ValueError):
        return None
    odd = sum(1 for character in text[:4096] if character < " " and character not in "\t\r\n\f\x1b")
    return (text, True) if odd * 20 <= min(len(text), 4096) else None


def unescape_json(text: str) -> str:
    r"""``text`` with the escapes of JSON strings undone where they stand; names and values keep their places.

    No parsing: what is not quite JSON is read all the same. A lone surrogate reads as U+FFFD.
    """
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    if escape[1] != "u":
        return _SHORT[escape[1]]
    units = b"".join(int(unit, 16).to_bytes(2, "little") for unit in escape[2:].split("\\u"))
    return _LONE.sub("\ufffd", units.decode("utf-16-le", "replace"))


def embedded(text: str) -> Iterator[bytes]:
    """The beginnings of long base64 runs in ``text`` are looked at by the caller: each run, decoded whole."""
    for found in _BASE64.finditer(text):
        run = found[0] if found[0].isalnum() else "".join(found[0].split())
        plain = run.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield base64.b64decode(plain + "=" * (-len(plain) % 4))
        except (binascii.Error, ValueError):
            continue  # as text it is read anyway


def strange_charset(media_type: str) -> bool:
    """True when a charset is declared that is not read here."""
    stated = _CHARSET.search(media_type)
    return stated is not None and not _known(stated[1])


def ascii_runs(data: bytes) -> str:
    """What readers see who take the bytes for ASCII, whatever mark or declaration says that they are something else."""
    return "\n".join(run.decode("ascii") for run in _PRINTABLE.findall(data))


def strings(data: bytes) -> str:
    """What can be read in ``data`` without knowing its format: runs of 8 and more printable characters, a line each."""
    found = [run.decode("ascii") for run in _PRINTABLE.findall(data)]
    found += [run[::2].decode("ascii") for run in _WIDE.findall(data)]
    return "\n".join(dict.fromkeys(found))


def unescape_rtf(text: str) -> tuple[str, bool]:
    """The text of an RTF document without its control words, and whether objects or pictures in it stay unread."""
    return _RTF.sub(_rtf_word, text), _RTF_HIDDEN.search(text) is not None


def _rtf_word(found: re.Match[str]) -> str:
    byte, unit, word, _, symbol = found.groups()
    if byte:
        return bytes.fromhex(byte).decode("cp1252", "replace")
    if unit:
        code = int(unit) % 0x10000
        return chr(code) if not 0xD800 <= code < 0xE000 else "\ufffd"
    if word:
        return "\n" if word in _RTF_BREAKS else ""
    return symbol if symbol and symbol in "\\{}" else (" " if symbol == "~" else "")
