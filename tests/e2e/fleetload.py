"""Load on a fleet, and what the fleet says that it has counted."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from e2e.support import House, chat_body
from harness.processes import PATIENCE_S, until

__all__ = ["URL", "Load", "ask", "exchanges"]

URL = "https://api.openai.com/v1/chat/completions"


def ask(http: httpx.Client, house: House, name: str = "load/1", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {house.key}", "user-agent": name}
    return http.post(URL, content=chat_body("How high?", **more), headers=headers)


def exchanges(house: House) -> int:
    """How many have ended, as `/metrics` says."""
    host, port = json.loads((house.weir.data / "run" / "health.json").read_text())["listen"]
    told = httpx.get(f"http://{host}:{port}/metrics", trust_env=False, timeout=PATIENCE_S).text
    families = text_string_to_metric_families(told)
    return sum(int(one.value) for family in families if family.name == "weir_exchanges" for one in family.samples)


class Load:
    """Clients that ask all the time, each on a connection that it keeps for some requests; errors are kept."""

    def __init__(self, house: House, clients: int = 6, keep: int = 5, http2_clients: int = 0) -> None:
        self.answers: Counter[int] = Counter()
        self.versions: Counter[str] = Counter()
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(house, f"load{number}/1", keep, http2))
            for http2, count in ((False, clients), (True, http2_clients))
            for number in range(count)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        until(lambda: sum(self.answers.values()) > 10, "some load")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def _work(self, house: House, name: str, keep: int, http2: bool) -> None:
        while not self._stop.is_set():
            with house.client(http2=http2) as http:
                for _ in range(keep * (1_000 if http2 else 1)):  # those who never go by themselves must be told to
                    try:
                        reply = ask(http, house, name)
                        self.versions[reply.http_version] += 1
                        self.answers[reply.status_code] += 1
                        if reply.status_code != 200:
                            self.errors.append(f"{reply.status_code}: {reply.text[:300]}")
                    except httpx.HTTPError as error:
                        self.errors.append(f"{type(error).__name__}: {error}")
                        break
                    if self._stop.wait(0.02):
                        break
