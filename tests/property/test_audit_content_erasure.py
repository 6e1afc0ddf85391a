"""What somebody with the wrapping key and every byte of the directory can read: before an erasure, and after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.content import keyfile
from weir.audit.content.entries import BadEntry, Entry, frames
from weir.audit.content.kek import KeyRing, add_key, drop_old_keys, load
from weir.audit.content.keystore import KeyStore
from weir.audit.content.parts import CalledTool, Content, Text, parts_of
from weir.audit.content.prune import prune
from weir.audit.content.sealer import open_entry
from weir.audit.content.slots import SIZE, Wrapped, read_slot
from weir.audit.content.writer import ContentWriter
from weir.audit.record import new_event_id, now_us

WORD = "violet-7b1e"
DAY = 86_400_000_000


class Thief:
    """Takes every file, and tries every key it finds at every place on everything it finds."""

    def __init__(self, root: Path, rings: list[KeyRing]) -> None:
        self.data = [path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()]
        self.rings = rings

    def keys(self) -> Iterator[tuple[bytes, bytes]]:
        for data in self.data:
            at = data.find(b"K")
            while at >= 0:
                slot = read_slot(data[at : at + SIZE])
                if isinstance(slot, Wrapped):
                    for ring in self.rings:
                        secret = ring.unwrap(slot.kek_id, slot.key_id, slot.wrapped, slot.bound)
                        if secret is not None:
                            yield slot.key_id, secret
                at = data.find(b"K", at + 1)

    def reads(self) -> bytes:
        """Everything in clear, and all that opens."""
        out, keys = list(self.data), dict(self.keys())
        for data in self.data:
            for found in frames(data):
                if not found.payload:
                    continue
                for secret in keys.values():
                    try:
                        content = open_entry(Entry.unpack(found.payload), secret)
                    except BadEntry:
                        continue
                    out += (part.data for part in parts_of(content))
        return b"\n".join(out)


class House:
    """A content directory in use, and all wrapping keys that there ever were."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / "elsewhere" / "content.keys"
        self.path.parent.mkdir()
        self.rings = [load(self.path, create=True)]
        self.directory = root / "content"
        self.writer = ContentWriter(self.directory, lambda: load(self.path), linger_s=0.0, segment_bytes_max=8192)
        self.writer.start()

    def say(self, user: str, word: str, conversation: str = "") -> None:
        content = Content((Text("user", f"about {word} " * 30),), f"{word}!", (CalledTool("t", f'{{"q":"{word}"}}'),))
        made = self.writer.seal(
            content,
            event_id=new_event_id(),
            user=user,
            conversation=conversation,
            ts_us=now_us(),
            expires_day=now_us() // DAY + 30,
        )
        assert made is not None
        assert self.writer.put(made)
        assert self.writer.flush(10)

    def thief(self) -> bytes:
        return Thief(self.directory, self.rings).reads()

    def rotate(self) -> None:
        self.rings.append(add_key(self.path))
        assert KeyStore(self.directory).rewrap(self.rings[-1]).unopened == 0
        drop_old_keys(self.path)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.writer.close(5)


def in_the_clear(house: House, word: str) -> bool:
    return any(word.encode() in data for data in Thief(house.root, []).data)


@pytest.mark.parametrize(("of", "subject"), [("user", "anna"), ("conversation", "c1")])
@pytest.mark.parametrize("rotated", ["never", "before", "after", "both"])
def test_no_file_gives_the_erased_text_back(house: House, of: str, subject: str, rotated: str) -> None:
    for number in range(20):
        house.say("anna", WORD, "c1")
        house.say("bert", f"daisy-{number}", "c2")
    assert not in_the_clear(house, WORD)
    if rotated in ("before", "both"):
        house.rotate()
        house.say("anna", WORD, "c1")
    before = house.thief()
    assert before.count(WORD.encode()) >= 20 * 32
    done = house.writer.keys.erase(of, subject, now_us())
    assert done.keys >= 1
    if rotated in ("after", "both"):
        house.rotate()
    after = house.thief()
    assert WORD.encode() not in after
    assert b"anna" not in after
    assert all(f"daisy-{number}".encode() in after for number in range(20))


@pytest.mark.parametrize("step", ["link", "sync_directory", "_shred"])
def test_a_rotation_that_died_does_not_keep_what_is_erased_later(
    house: House, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.say("anna", WORD)
    house.say("bert", "daisy")
    house.rings.append(add_key(house.path))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(keyfile.os if step == "link" else keyfile, step, crash)
        with pytest.raises(KeyboardInterrupt):
            KeyStore(house.directory).rewrap(house.rings[-1])
    assert WORD.encode() in house.thief()
    KeyStore(house.directory).erase("user", "anna", now_us())
    assert WORD.encode() not in house.thief()
    assert b"daisy" in house.thief()
    assert KeyStore(house.directory).rewrap(house.rings[-1]).unopened == 0


def test_what_has_expired_opens_no_more(house: House) -> None:
    house.say("anna", WORD)
    prune(house.directory, now_us() + 32 * DAY)
    assert WORD.encode() not in house.thief()


def test_what_is_said_after_an_erasure_is_kept_and_can_be_erased_again(house: House) -> None:
    house.say("anna", WORD)
    house.writer.keys.erase("user", "anna", now_us())
    house.say("anna", "later")
    after = house.thief()
    assert b"later" in after
    assert WORD.encode() not in after
    house.writer.keys.erase("user", "anna", now_us())
    assert b"later" not in house.thief()
