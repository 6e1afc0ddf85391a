"""A content store to test with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from weir.audit.content.kek import KeyRing, load
from weir.audit.content.keystore import KeyStore, day_of
from weir.audit.content.parts import CalledTool, Content, Text
from weir.audit.content.reader import ContentReader
from weir.audit.content.sealer import Sealed
from weir.audit.content.writer import ContentWriter
from weir.audit.record import new_event_id, now_us

# The day it will be in an hour: a day that is not over before the tests are, also when they run past midnight.
TODAY = day_of(now_us() + 3_600_000_000)


def talk(word: str = "violet") -> Content:
    """A request, a reply and a tool call that all hold ``word``."""
    return Content(
        (Text("system", "Be brief."), Text("user", f"Tell me about {word}.", "/messages/1/content")),
        f"About {word} there is much to say.",
        (CalledTool("look_up", f'{{"what":"{word}"}}', "call_1"),),
    )


@dataclass
class Shelf:
    """A content directory with its wrapping keys apart, and the writers that were started on it."""

    root: Path
    writers: list[ContentWriter] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        return self.root / "content"

    @property
    def ring(self) -> KeyRing:
        return load(self.root / "content.keys", create=True)

    @property
    def keys(self) -> KeyStore:
        return KeyStore(self.directory)

    @property
    def reader(self) -> ContentReader:
        return ContentReader(self.directory, self.ring)

    def writer(self, **given: Any) -> ContentWriter:
        """A started writer."""
        made = ContentWriter(self.directory, lambda: self.ring, **{"retry_s": 0.01, "linger_s": 0.0, **given})
        made.start()
        self.writers.append(made)
        return made

    def keep(self, content: Content | None = None, writer: ContentWriter | None = None, **given: Any) -> Sealed:
        """One event's texts, durable on return."""
        writer = writer or (self.writers[-1] if self.writers else self.writer())
        sealed = seal(writer, content, **given)
        assert sealed is not None
        assert writer.put(sealed)
        assert writer.flush(60)
        return sealed

    def files(self) -> list[Path]:
        """Every file of the directory."""
        return sorted(path for path in self.directory.rglob("*") if path.is_file())

    def segments(self) -> list[Path]:
        return sorted(self.directory.glob("*.content"))


def seal(writer: ContentWriter, content: Content | None = None, **given: Any) -> Sealed | None:
    values = {
        "event_id": new_event_id(),
        "user": "anna",
        "conversation": "c1",
        "ts_us": now_us(),
        "expires_day": TODAY + 30,
    }
    return writer.seal(content or talk(), **{**values, **given})


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    for writer in made.writers:
        writer.close(5)
