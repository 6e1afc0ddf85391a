"""The policy's section ``audit``: how surely records are kept, how long, whose texts, and where checkpoints go."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from weir.fields import Bytes, FilePath, Globs, Int, Name, Reference, RuleId, Text, choices, listed, within, wrong
from weir.sections import Part

__all__ = [
    "Audit", "Bucket", "Checkpoints", "ContentException", "ContentSettings", "Disk", "Publish", "Retention",
    "RetentionException",
]  # fmt: skip

_SYSLOG = re.compile(r"(?:tcp|tls)://(?:[A-Za-z0-9._-]{1,255}|\[[0-9a-fA-F:.]{2,45}\]):[1-9][0-9]{0,4}")
_Kept = Annotated[str, choices("off", "findings", "full")]
_Days = Annotated[Int, within(0, 36_500, "days")]


class ContentException(Part):
    """Texts of these services, teams or rules (of which one must have matched) are kept otherwise; globs."""

    keep: _Kept
    days: _Days | None = None
    services: Globs = ()
    teams: Globs = ()
    rules: Annotated[tuple[RuleId, ...], BeforeValidator(listed)] = ()

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not (self.services or self.teams or self.rules):
            raise wrong("is about nothing", "write services, teams or rules")
        return self


class ContentSettings(Part):
    """Whose texts are kept, encrypted, and how long. The first exception that fits decides."""

    keep: _Kept = "off"
    days: _Days = 30
    key: Reference | None = None  # where the wrapping keys are; None: a file in the data directory
    exceptions: tuple[ContentException, ...] = Field(default=(), alias="except")


class RetentionException(Part):
    """Records of these services or teams are kept for another time; the longest that fits decides."""

    days: Annotated[Int, within(1, 36_500, "days")]
    services: Globs = ()
    teams: Globs = ()

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not (self.services or self.teams):
            raise wrong("is about nothing", "write services or teams")
        return self


class Retention(Part):
    """How long records stay in the store (``days``), and their lines in the spool (``spool_days``)."""

    days: Annotated[Int, within(1, 36_500, "days")] = 400
    spool_days: Annotated[Int, within(1, 36_500, "days")] = 30
    exceptions: tuple[RetentionException, ...] = Field(default=(), alias="except")


class Disk(Part):
    """Free space of the data directory's file system: below ``warn`` it is told, below ``floor`` weir stops writing
    and ``on_failure`` decides about what would have been recorded."""

    warn: Annotated[Bytes, within(0, 1 << 50, "bytes")] = 5 << 30
    floor: Annotated[Bytes, within(0, 1 << 50, "bytes")] = 1 << 30

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.warn < self.floor:
            raise wrong("warns too late", "write warn above floor")
        return self


class Bucket(Part):
    """A bucket that speaks S3. Without keys the machine's own identity is used; lock_days 0: no Object Lock."""

    name: Name
    prefix: Text = ""
    endpoint: Text = ""
    region: Text = ""
    access_key: Reference | None = None
    secret_key: Reference | None = None
    lock_days: Annotated[Int, within(0, 36_500, "days")] = 0
    lock_mode: Annotated[str, choices("governance", "compliance")] = "compliance"

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise wrong("has one key of two", "write access_key and secret_key, or neither")
        return self


class Publish(Part):
    """One place off the host where checkpoints go: exactly one of directory, bucket, syslog."""

    directory: FilePath | None = None
    bucket: Bucket | None = None
    syslog: Text = ""  # tcp://host:port or tls://host:port
    ca: FilePath | None = None  # of the syslog server; None: the system's

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.directory is not None) + (self.bucket is not None) + bool(self.syslog) != 1:
            raise wrong("names no place, or several", "write one of directory, bucket, syslog")
        if self.syslog and not _SYSLOG.fullmatch(self.syslog):
            raise wrong("is no syslog receiver", "write tcp://host:port or tls://host:port")
        if self.ca is not None and not self.syslog.startswith("tls://"):
            raise wrong("has a ca that nothing here asks for", "remove ca, which is for syslog: tls://host:port")
        return self


class Checkpoints(Part):
    """How often the state of the chain is signed, and where the signed notes are published."""

    rows: Annotated[Int, within(1, 1_000_000, "rows")] = 1_000
    seconds: Annotated[Int, within(1, 86_400, "s")] = 60
    publish: tuple[Publish, ...] = ()


class Audit(Part):
    """``strict`` forwards only what the disk has recorded; ``available`` does not wait."""

    durability: Annotated[str, choices("strict", "available")] = "strict"
    content: ContentSettings = ContentSettings()
    retention: Retention = Retention()
    disk: Disk = Disk()
    checkpoints: Checkpoints = Checkpoints()
