"""Firewalls' own names of AI applications and the hosts that they stand for: the table ``appids.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

__all__ = ["APPS", "FORTI_APPS"]

_TABLE: Mapping[str, Mapping[str, str]] = yaml.safe_load(Path(__file__).with_name("appids.yaml").read_text("utf-8"))

APPS: Mapping[str, str] = _TABLE["panos"]
FORTI_APPS: Mapping[str, str] = _TABLE["fortigate"]
