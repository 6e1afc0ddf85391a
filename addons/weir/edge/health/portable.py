"""Families of numbers as JSON, from one process of weir to another: nothing has to be parsed out of text."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from prometheus_client.core import Metric

__all__ = ["dumps", "loads"]


def dumps(families: Sequence[Metric]) -> bytes:
    """The families with all their samples."""
    return orjson.dumps(
        [
            {
                "name": family.name,
                "type": family.type,
                "help": family.documentation,
                "samples": [(one.name, one.labels, one.value) for one in family.samples],
            }
            for family in families
        ]
    )


def loads(body: bytes) -> list[Metric]:
    """What ``dumps`` wrote. Raises ValueError for anything else."""
    try:
        families = []
        for doc in orjson.loads(body):
            family = Metric(doc["name"], doc["help"], doc["type"])
            for name, labels, value in doc["samples"]:
                family.add_sample(name, {str(k): str(v) for k, v in labels.items()}, float(value))
            families.append(family)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no numbers of weir ({type(error).__name__})") from None
    return families
