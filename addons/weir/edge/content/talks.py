"""Whose the conversations are that weir holds something of in memory: an erasure names a user, memory knows talks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

__all__ = ["Talks"]


class Talks:
    """Conversations with their users, the last ``most`` that were heard of. For the event loop."""

    def __init__(self, most: int = 20_000) -> None:
        """``most`` is more than the conversations whose pseudonyms are held."""
        self._most = most
        self._users: OrderedDict[str, str] = OrderedDict()

    def note(self, conversation: str, user: str) -> None:
        """Somebody said something in this conversation."""
        if conversation:
            self._users[conversation] = user
            self._users.move_to_end(conversation)
            if len(self._users) > self._most:
                self._users.popitem(last=False)

    def each(self) -> Iterator[tuple[str, str]]:
        """(conversation, user) of all that are known."""
        return iter(list(self._users.items()))

    def __len__(self) -> int:
        return len(self._users)

    def __repr__(self) -> str:
        return f"Talks({len(self)})"
