"""Stand-ins for what names a person: keyed, so that nobody without the key can try names until one fits.

The key is made for one folder and never in it. The same person has the same stand-in everywhere in that folder, and
another one in the next, unless the operator keeps the key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import duckdb

from weir.audit.record import TABLES
from weir.datadir import create_private

__all__ = ["AS_THEY_ARE", "KEY_BYTES", "Pseudonyms", "stand_ins"]

KEY_BYTES = 32
_BLOCK = 64  # of SHA-256, for HMAC
_DIGITS = 20

# Columns whose value is replaced; everything that is neither here nor in AS_THEY_ARE is left out.
_REPLACED = ("user", "device", "src_ip", "process_name", "session_id", "key_id", "api_key_fp")
_REPLACED_LISTS = ("user_groups",)
AS_THEY_ARE = frozenset(
    [
        *("event_id", "exchange_id", "proxy_id", "boot_id", "seq", "ts", "ts_end", "schema_version", "kind", "flow_id"),
        *("conversation_id", "auth_method", "auth_strength", "team", "app", "user_agent", "auth_asked"),
        *("identity_rule", "credential", "credential_kind", "managed_key", "account", "host", "port", "method"),
        *("path_template", "provider", "service", "service_status", "operation", "request_model", "model_asked"),
        *("response_model", "response_id", "finish_reason", "http_status", "stream", "inspection"),
        *("inspection_reason", "protocol", "input_tokens", "output_tokens", "cache_read_tokens"),
        *(
            "cache_write_tokens",
            "reasoning_tokens",
            "usage_source",
            "cost_nano",
            "price_id",
            "cache_saved_nano",
            "duration_us",
        ),
        *("ttft_us", "overhead_us", "req_bytes", "resp_bytes", "dlp_us", "dlp_chars", "mode", "verdict", "action"),
        *("rule_id", "policy_hash", "dropped", "content_ct_hash", "prev_hash", "row_hash"),
        *("ord", "detector", "category", "direction", "severity", "score_pct", "segment", "span_start", "span_end"),
        *("name", "call_id", "mcp_server", "args_ct_hash"),
    ]
)
# Texts that may speak of a person in some records are kept where weir alone chose the words.
_SPOKEN = ("erasure", "disclosure", "budget", "coach", "config")
_EXTRA = ("discovered", "signals", "rules", "media_uncounted", "keys", "until", "outcome", "of")


class Pseudonyms:
    """The key of one folder."""

    def __init__(self, key: bytes) -> None:
        """``key``: 32 random bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key for stand-ins has {KEY_BYTES} bytes")
        self._key = key

    def __repr__(self) -> str:
        return "Pseudonyms()"

    @classmethod
    def once(cls) -> Pseudonyms:
        """A key that nobody will have afterwards."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def kept(cls, path: Path) -> Pseudonyms:
        """The key in a file (0600), made there at first use. Raises DataDirError; ValueError for another file."""
        data = create_private(path, lambda: os.urandom(KEY_BYTES).hex().encode() + b"\n", 256)
        try:
            return cls(bytes.fromhex(data.decode().strip()))
        except ValueError:
            raise ValueError(f"{path} holds no key for stand-ins") from None

    def of(self, value: str) -> str:
        """The stand-in of a value; the same as in the folder."""
        return f"p-{hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()[:_DIGITS]}"

    def use(self, engine: duckdb.DuckDBPyConnection) -> None:
        """Make the macro ``stand_in(text)`` on a connection. The key travels as a parameter, never in a statement."""
        block = self._key.ljust(_BLOCK, b"\0")
        for name, pad in (("inner", 0x36), ("outer", 0x5C)):
            engine.execute(f"SET VARIABLE weir_{name} = ?::BLOB", [bytes(byte ^ pad for byte in block)])
        inner = "unhex(sha256(getvariable('weir_inner') || encode(said)))"
        mac = f"sha256(getvariable('weir_outer') || {inner})"
        engine.execute(f"CREATE TEMP MACRO stand_in(said) AS 'p-' || left({mac}, {_DIGITS})")


def stand_ins(table: str) -> dict[str, str]:
    """What to select instead of each column of a table that is not shown as it is."""
    found = {}
    for column in TABLES[table]:
        name = column.name
        if name in AS_THEY_ARE:
            continue
        if name in _REPLACED:
            found[name] = f'stand_in("{name}")'
        elif name in _REPLACED_LISTS:
            found[name] = f'list_transform("{name}", lambda one: stand_in(one))'
        elif name == "reason":
            found[name] = f"CASE WHEN kind IN {_SPOKEN} AND NOT ({_OWN_WORDS}) THEN NULL ELSE reason END"
        elif name == "extra":
            kept = ", ".join(f"{key} := extra->>'$.{key}'" for key in _EXTRA)
            found[name] = f"CASE WHEN extra IS NULL THEN NULL ELSE to_json(struct_pack({kept})) END"
        else:
            found[name] = f"NULL::{column.sql}"
    return found


_OWN_WORDS = "kind = 'config' AND (reason LIKE 'policy%' OR reason LIKE 'changed%')"
