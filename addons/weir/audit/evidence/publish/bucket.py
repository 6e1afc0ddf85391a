"""A bucket that speaks S3: one object a checkpoint, with Object Lock where the policy asks for it. Needs boto3."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from weir.audit.evidence.publish.place import Conflict, Entry, Unreachable
from weir.sections_audit import Bucket as Settings

__all__ = ["Bucket"]

_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_WHO = "give access_key and secret_key, or the machine a role"
_REMEDIES = {
    "NoRegionError": "write region",
    "NoCredentialsError": _WHO,
    "PartialCredentialsError": _WHO,
}


class Bucket:
    """``<prefix><proxy_id>/<date>/<number>.checkpoint``. Connects at the first entry."""

    def __init__(self, settings: Settings, secret: Callable[[str], str]) -> None:
        """``secret`` gives what a reference means, or raises an exception whose text may be shown."""
        self._settings, self._secret = settings, secret
        self._client: Any = None
        self._conditional = True  # not every bucket knows writes that only make and never replace

    def send(self, entries: Sequence[Entry]) -> None:
        """See ``Place``."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise Unreachable("boto3 is not installed; run: pip install 'weir[aws]'") from None
        try:
            client = self._connected()
            others = [entry.number for entry in entries if not self._keep(client, entry)]
        except ClientError as error:
            self.close()  # the next attempt asks anew who we are
            # The code only: the message tells the account, and the reply may hold anything.
            raise Unreachable(f"the bucket answers {_code(error)}") from None
        except (BotoCoreError, ValueError) as error:
            self.close()
            name = type(error).__name__
            remedy = f"; {_REMEDIES[name]}" if name in _REMEDIES else ""
            raise Unreachable(f"the bucket cannot be asked ({name}){remedy}") from None
        if others:
            raise Conflict(f"entry {others[0]} is there already and is another one")

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _keep(self, client: Any, entry: Entry) -> bool:
        """Put the object; False when there is another one of this name."""
        from botocore.exceptions import ClientError

        prefix = self._settings.prefix
        key = f"{prefix}{'/' if prefix and not prefix.endswith('/') else ''}{entry.name}"
        where = {"Bucket": self._settings.name, "Key": key}
        try:
            client.put_object(**where, **self._options(), Body=entry.note)
        except ClientError as error:
            code = _code(error)
            if code == "NotImplemented" and self._conditional:
                self._conditional = False
                return self._keep(client, entry)
            if code not in _THERE:
                raise
            return bool(client.get_object(**where)["Body"].read() == entry.note)
        return True

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"ContentType": "text/plain; charset=utf-8", "ChecksumAlgorithm": "SHA256"}
        if self._conditional:
            options["IfNoneMatch"] = "*"
        if self._settings.lock_days:
            options["ObjectLockMode"] = self._settings.lock_mode.upper()
            options["ObjectLockRetainUntilDate"] = datetime.now(UTC) + timedelta(days=self._settings.lock_days)
        return options

    def _connected(self) -> Any:
        if self._client is not None:
            return self._client
        import boto3
        from botocore.config import Config

        logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it writes requests into the log
        settings = self._settings
        keys = {}
        if settings.access_key is not None and settings.secret_key is not None:
            keys["aws_access_key_id"] = self._resolved(settings.access_key)
            keys["aws_secret_access_key"] = self._resolved(settings.secret_key)
        config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
        self._client = boto3.session.Session().client(
            "s3",
            region_name=settings.region or None,
            endpoint_url=settings.endpoint or None,
            config=config,
            **keys,
        )
        return self._client

    def _resolved(self, reference: str) -> str:
        try:
            return self._secret(reference)
        except Exception as error:  # noqa: BLE001 whoever resolves has its own kinds, and words that may be shown
            raise Unreachable(f"a key of the bucket: {error}") from None


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
