"""The organisation's own values in a running weir: held back, changed by a new table, kept when the file is damaged."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e.support import House, chat_body, command
from harness.canary import CANARIES
from harness.processes import until

URL = "https://api.openai.com/v1/chat/completions"
RULES = [{"id": "customers-stay", "if": {"finding": "exact/customers"}, "then": "block", "say": "Holds {finding}."}]


def customer() -> str:
    return CANARIES.plant(f"QX{secrets.randbelow(10**12):012d}", "a customer's number")


def fingerprint(folder: Path, *values: str) -> None:
    table = folder.parent / f"{folder.name}.csv"
    table.write_text("\n".join(["number", *values]))
    try:
        command(
            "dlp", "fingerprint", str(table), "--columns", "number", "--label", "customers",
            "--out", str(folder / "customers.fp"), "--data", str(folder / "data"),
        )  # fmt: skip
    finally:
        table.unlink()


def test_customers_stay_in_the_house(start_house: Callable[..., House]) -> None:
    first, second = customer(), customer()

    def prepare(folder: Path) -> dict[str, Any]:
        fingerprint(folder, first)
        return {"dlp__exact": ["customers.fp"]}

    house = start_house(rules=RULES, prepare=prepare)
    folder = house.weir.policy.parent
    with house.client() as client:

        def status(value: str) -> int:
            headers = {"Authorization": f"Bearer {house.key}", "Content-Type": "application/json"}
            return client.post(URL, content=chat_body(f"Why was {value} billed twice?"), headers=headers).status_code

        spelled = f"{first[:2].lower()}-{first[2:8]} {first[8:]}"
        assert (status(first), status(spelled), status(second)) == (400, 400, 200)
        assert all(first[2:] not in json.dumps(row) for row in house.weir.records())

        fingerprint(folder, second)
        assert (status(first), status(second)) == (400, 200)  # nothing changes before the reload
        house.weir.reload()
        until(lambda: status(second) == 400, "the new table to count")
        assert status(first) == 200

        made = folder / "customers.fp"
        whole = made.read_bytes()
        made.unlink()
        made.write_bytes(whole[:-1])
        house.weir.reload()
        house.weir.until_records(
            lambda rows: any("refused" in str(row.get("reason")) for row in rows), "the damaged file to be refused"
        )
        assert (status(first), status(second)) == (200, 400)
        assert "is cut short" in house.weir.process.output()
