"""HTML as a reader of it: every tag opened is closed in its turn, ids are unique, and what is where."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Tree"]

_VOID = frozenset(["meta", "br", "rect", "path", "input", "link", "img", "hr", "wbr"])
_RAW = frozenset(["script", "style"])


class Tree(HTMLParser):
    """A page read strictly: ``wrong`` lists what does not nest, ``tags`` all elements, ``text`` what a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []
        self.text = ""
        self.raw: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.wrong += [f"<{tag}> is never closed" for tag in self._open]
        ids = self.values("id")
        self.wrong += [f"id {one!r} stands twice" for one in set(ids) if ids.count(one) > 1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        last = self._open.pop() if self._open else "nothing"
        if last != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()} closes <{last}>")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in _RAW:
            self.raw.append(data)
        else:
            self.text += data

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [str(attrs[name]) for _, attrs in self.tags if name in attrs]

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [attrs for name, attrs in self.tags if name == tag]
