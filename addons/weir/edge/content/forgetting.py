"""What was erased leaves this process too: pseudonyms hold what people wrote, in memory and in their vault.

``weir audit erase`` is another process. It writes down whose texts are erased where the data keys are, and counts up a
number there, which is looked at every second whether this weir keeps texts or not. At the same pace `weir doctor` is
told how the writer of texts is.
"""

from __future__ import annotations

import asyncio
import logging

from weir.audit.content.keyfile import KeyFile, KeyFileError, digest_of
from weir.audit.content.slots import Erased, Erasure
from weir.edge.content.writing import tell
from weir.edge.net import Net
from weir.edge.state import State

__all__ = ["LOOK_S", "Forgetting"]

log = logging.getLogger("weir.audit")
LOOK_S = 1.0


class Forgetting:
    """An addon that decides nothing: it looks for erasures, and forgets."""

    name = "forgetting"

    def __init__(self, state: State) -> None:
        self.state = state
        self._file = KeyFile(state.data.path / "content")
        self._seen: int | None = None
        self._known: frozenset[bytes] = frozenset()  # event ids of erasures that were followed
        self._task: asyncio.Task[None] | None = None
        self._told = b""
        self._telling = Net(log.error, "how texts are written could not be told")

    async def running(self) -> None:
        """Begin to look. What was erased before this start is in no memory."""
        try:
            self._known = frozenset(one.event_id for one in await asyncio.to_thread(self._erasures))
        except (KeyFileError, OSError) as error:
            log.error("erasures could not be looked up: %s", type(error).__name__)
        self._task = asyncio.create_task(self._watch())

    async def done(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
        self._file.close()

    async def _watch(self) -> None:
        net = Net(log.error, "an erasure could not be followed; it is tried again")
        while True:
            await asyncio.sleep(LOOK_S)
            with net:
                await self.look()
            with self._telling:
                self._told = await asyncio.to_thread(tell, self.state, self._told)

    async def look(self) -> int:
        """Forget what was erased since this was last asked; how many conversations. Raises KeyFileError, OSError."""
        generation = self._file.generation()
        if generation == self._seen:
            return 0
        found = await asyncio.to_thread(self._erasures)
        new = [one for one in found if one.event_id not in self._known]
        gone = self._meant(Erased(new)) if new else []
        if gone:
            await asyncio.to_thread(self.state.conversations.forget, gone)
        self._seen, self._known = generation, frozenset(one.event_id for one in found)
        return len(gone)

    def _erasures(self) -> list[Erasure]:
        if not self._file.exists():
            return []
        with self._file.changing() as places:
            self._salt = places.salt
            return [slot for _, slot in places.each() if isinstance(slot, Erasure)]

    def _meant(self, erased: Erased) -> list[str]:
        """The conversations of which something may be held that the erasures are about."""
        salt = self._salt
        return [
            conversation
            for conversation, user in self.state.talks.each()
            if erased.covers(digest_of(salt, "user", user), digest_of(salt, "conversation", conversation), 0)
        ]
