"""Keeps the text of every policy that came into force, so that an audit record's ``policy_hash`` can be looked up.

What is kept is the policy as weir understood it, with every default: JSON whose SHA-256 is its name and the hash in
the records, so a kept file proves itself. Secrets are not in it, only references to where they are; nor are comments.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from weir.datadir import DataDir, DataDirError, write_private
from weir.settings import Settings

__all__ = ["keep_policy", "policy_path"]

log = logging.getLogger("weir.policy")


def policy_path(directory: Path, policy_hash: str) -> Path:
    """Where a policy of this hash is kept in ``policies/``."""
    return directory / f"{policy_hash}.json"


def keep_policy(data: DataDir, settings: Settings) -> bool:
    """Keep a policy's text, on disk on return; False when the disk would not take it, which is told and no reason not
    to take the policy: its hash is in the records all the same. A file that is not what it was is written anew."""
    text = settings.canonical.encode()
    try:
        path = policy_path(data.policies, settings.hash)
        if not (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == settings.hash):
            write_private(path, text)
    except (OSError, DataDirError) as error:
        said = str(error) if isinstance(error, DataDirError) else error.strerror or type(error).__name__
        log.error("the text of policy %s could not be kept: %s", settings.hash[:12], said)
        return False
    return True
