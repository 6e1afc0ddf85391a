"""The policy section ``discover``: what is looked into to find AI services that no catalogue lists, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator, model_validator

from weir.fields import Flag, Int, Percent, choices, within, wrong
from weir.sections import Intercept, Part
from weir.yamlpos import Document

__all__ = ["Discover", "Pinned", "contradictions", "share"]


def _share(value: object) -> object:
    """The key says what the number is, so it needs no sign."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value}%" if plain else value


class Pinned(Part):
    """A client that turned weir's certificate down ``after`` times is left alone at that host for ``hours``."""

    after: Annotated[Int, within(1, 100, "times")] = 3
    hours: Annotated[Int, within(1, 24 * 30, "hours")] = 24


class Discover(Part):
    """Of the hosts that no catalogue lists: whether connections to them are decrypted to look what they are.

    ``percent`` of the pairs of host and client are with ``sample``, another choice every day; all with ``always``.
    """

    decrypt: Annotated[str, choices("sample", "never", "always")] = "never"
    percent: Annotated[Percent, BeforeValidator(_share)] = 5.0
    pinned: Pinned = Pinned()
    first_seen: Flag = True

    @model_validator(mode="after")
    def _sampled(self) -> Self:
        if "percent" in self.model_fields_set and self.decrypt != "sample":
            raise wrong("has a percent, and takes no sample", "write decrypt: sample, or remove percent")
        return self


def share(discover: Discover, intercept: Intercept) -> float:
    """Percent of the uncatalogued hosts that is decrypted to look; ``intercept.sample`` is the older way to say it."""
    if "decrypt" not in discover.model_fields_set:
        return intercept.sample
    return {"sample": discover.percent, "always": 100.0, "never": 0.0}[discover.decrypt]


def contradictions(document: Document, data: Mapping[str, object]) -> None:
    """Add a mistake where ``intercept`` says already what ``discover.decrypt`` says."""
    discover, intercept = data.get("discover"), data.get("intercept")
    if not isinstance(discover, dict) or "decrypt" not in discover:
        return
    scope = intercept.get("scope") if isinstance(intercept, dict) else intercept
    if isinstance(intercept, dict) and "sample" in intercept:
        document.add(
            ("intercept", "sample"), "is said by discover.decrypt too", "remove it; discover.percent is the share"
        )
    if scope == "all":
        document.add(
            ("discover", "decrypt"),
            "has nothing to choose from, as intercept decrypts everything",
            "remove it, or write intercept: catalogued",
        )
