"""Ends of sockets that write down what is done with them."""

from __future__ import annotations

from typing import Any

__all__ = ["Writer"]


class Writer:
    """A socket's writing end that writes down what is done with it."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.closing = False

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.closing = True
        self.done.append("close")

    def is_closing(self) -> bool:
        return self.closing

    async def drain(self) -> None:
        self.done.append("drain")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("10.1.2.3", 4), "sockname": ("127.0.0.1", 8080)}.get(name, default)
