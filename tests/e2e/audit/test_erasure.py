"""A text from a real client, through the proxy and into the store, and out of it again for good.

What is searched is every byte below the data directory, and every key in it is tried on every text.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from e2e.support import ADDRESS, STAND_IN, House, command
from harness.clients import openai_client
from harness.processes import until
from weir.audit.content.entries import BadEntry, Entry
from weir.audit.content.kek import KeyRing, KeyRingError
from weir.audit.content.sealer import open_entry
from weir.audit.content.segments import listed, walk
from weir.audit.content.slots import SIZE, Wrapped, read_slot

POLICY = {"audit__content": {"keep": "full", "days": 30}, "dlp__pseudonyms": {"keep": True}}
_REASON = ("--reason", "ticket 4711")


def said(house: House, text: str) -> str:
    """One turn of a real client; what it was answered."""
    sdk = openai_client(house.weir.url, house.weir.ca, house.key)
    messages = [{"role": "user", "content": text}]
    return str(sdk.chat.completions.create(model="gpt-5-mini", messages=messages).choices[0].message.content)


def forms(text: str) -> list[bytes]:
    """How a text may stand in a file without being encrypted."""
    raw = text.encode()
    whole = [base64.b64encode(b"x" * skip + raw)[4:-4] for skip in range(3)]
    return [raw, text.encode("utf-16-le"), raw.hex().encode(), *(one for one in whole if one)]


def holding(data: Path, text: str) -> list[str]:
    """The files below ``data`` in which ``text`` stands, in one of its forms, compressed or not."""
    found = []
    for path in sorted(data.rglob("*")):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        if path.suffix == ".zst":
            with suppress(zstandard.ZstdError):
                raw += b"".join(zstandard.ZstdDecompressor().read_to_iter(raw))
        if any(form in raw for form in forms(text)):
            found.append(str(path.relative_to(data)))
    return found


def wrapping_keys(places: list[Path]) -> Iterator[KeyRing]:
    """Every wrapping key that any file holds."""
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and path.stat().st_size < 1 << 16:
                with suppress(KeyRingError, UnicodeDecodeError):
                    yield KeyRing.parse(path.read_bytes().decode())


def everything_opened(data: Path, *older: Path) -> str:
    """All texts that any data key in any file opens, with any wrapping key: in ``data``, or in copies of before that
    somebody has kept of the wrapping keys (``older``)."""
    rings = list(wrapping_keys([data, *older]))
    assert rings
    data_keys: dict[bytes, bytes] = {}
    for path in data.rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        for at in range(0, len(raw) - SIZE + 1, SIZE if path.parent.name == "content" else len(raw) or 1):
            slot = read_slot(raw[at : at + SIZE])
            if isinstance(slot, Wrapped):
                for ring in rings:
                    opened = ring.unwrap(slot.kek_id, slot.key_id, slot.wrapped, slot.bound)
                    if opened is not None:
                        data_keys[slot.key_id] = opened
    told = ""
    for segment in listed(data / "content"):
        for found in walk(segment.path):
            if found.payload:
                entry = Entry.unpack(found.payload)
                for key in data_keys.values():
                    with suppress(BadEntry):
                        content = open_entry(entry, key)
                        told += content.reply + "".join(one.text for one in content.segments)
    return told


def raw_secrets_open(data: Path, text: str) -> bool:
    """Whether any 32 bytes of any small file below ``data`` are the very key of a text's ciphertext."""
    parts = [
        (entry.head, part)
        for segment in listed(data / "content")
        for found in walk(segment.path)
        if found.payload
        for entry in [Entry.unpack(found.payload)]
        for part in entry.parts
    ]
    for path in (data / "content" / "keys", *sorted((data / "secrets").glob("*"))):
        raw = path.read_bytes()
        for at in range(len(raw) - 31):
            if not any(raw[at : at + 32]):
                continue
            cipher = AESGCM(raw[at : at + 32])
            for head, part in parts[:4]:
                with suppress(InvalidTag):
                    cipher.decrypt(part.nonce.to_bytes(12), part.ciphertext, part.associated(head))
                    return True
    return False


def texts_of(house: House) -> list[dict[str, object]]:
    return [row for row in house.records("request", "response") if row.get("content_ct_hash")]


def test_what_was_said_can_be_read_and_then_never_again(start_house: Callable[..., House], tmp_path: Path) -> None:
    house = start_house(**POLICY)
    house.begin()
    data = house.weir.data
    planted = f"our merger with {secrets.token_hex(12)} on Tuesday"
    assert said(house, f"{planted}, tell {ADDRESS}").endswith(ADDRESS)
    other = f"the other one says {secrets.token_hex(12)}"
    said(house, other)
    rows = until(lambda: found if len(found := texts_of(house)) >= 4 else None, "records with texts")
    mine, others = (
        next(r for r in rows if r["kind"] == "request" and r["conversation_id"] != c)
        for c in (rows[-1]["conversation_id"], rows[0]["conversation_id"])
    )
    event, conversation = str(mine["event_id"]), str(mine["conversation_id"])

    # It can be read, by who says why; on disk it stands nowhere in clear.
    shown = command("audit", "content", event, *_REASON, "--data", str(data))
    assert planted in shown and ADDRESS in shown and STAND_IN not in shown
    exchange = command("audit", "content", str(mine["exchange_id"]), *_REASON, "--data", str(data), "--format", "json")
    assert planted in json.loads(exchange)[1]["reply"]  # the double repeats what it was asked, and the client got it
    told = command("audit", "timeline", "--conversation", conversation, *_REASON, "--data", str(data))
    assert planted in told
    reads = [row for row in house.records("disclosure") if row["exchange_id"] == mine["exchange_id"]]
    assert len(reads) == 5 and all(row["reason"] == "ticket 4711" for row in reads)
    assert holding(data, planted) == [] and holding(data, ADDRESS) == []
    assert planted in everything_opened(data)  # the search below would find it
    shutil.copytree(data / "secrets", tmp_path / "secrets")  # somebody has kept the wrapping keys
    before = len([row for row in house.weir.records() if row.get("row_hash")])

    command("audit", "erase", "--conversation", conversation, *_REASON, "--yes", "--data", str(data))

    # Nobody can read it any more, whatever keys there are; the others' texts are as they were.
    again = command("audit", "content", event, *_REASON, "--data", str(data), check=False)
    assert planted not in again
    assert planted not in command("audit", "timeline", "--conversation", conversation, *_REASON, "--data", str(data))
    assert holding(data, planted) == [] and holding(data, ADDRESS) == []
    opened = everything_opened(data, tmp_path)
    assert planted not in opened and other in opened
    assert not raw_secrets_open(data, planted)
    assert other in command("audit", "content", str(others["event_id"]), *_REASON, "--data", str(data))

    # The rows are still there, the erasure is one of them, and the chain holds.
    house.weir.stop()
    assert len([row for row in house.weir.records() if row.get("row_hash")]) > before
    (erased,) = house.records("erasure")
    assert json.loads(str(erased["extra"]))["keys"] == 1 and erased["conversation_id"] == conversation
    command("audit", "verify", "--data", str(data))
