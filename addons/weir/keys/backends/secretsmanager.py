"""``secretsmanager:NAME#FIELD``: a secret of AWS Secrets Manager, by name or ARN; without ``#FIELD`` all of its text.

Who weir is comes from where every AWS tool takes it: the environment, a profile, or the role of the machine. The region
is that of the ARN, else ``AWS_REGION``, ``AWS_DEFAULT_REGION`` or the profile's. Needs boto3: ``pip install
'weir[aws]'``.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from typing import Any

from weir.keys.backends import SecretUnavailable, field_of, named, require

__all__ = ["fetch", "forget"]

_NAME = re.compile(r"[A-Za-z0-9/_+=.@:!-]{1,2048}")
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:.+")
_REFUSED = frozenset(
    {"AccessDeniedException", "DecryptionFailure", "InvalidRequestException", "ResourceNotFoundException"}
)
_WHO = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give the machine a role"
_REMEDIES = {
    "NoRegionError": "set AWS_DEFAULT_REGION, or name the secret by its ARN",
    "NoCredentialsError": _WHO,
    "PartialCredentialsError": _WHO,
}

_clients: dict[str, Any] = {}
_lock = threading.Lock()


def fetch(reference: str) -> str:
    """The current version's text, or one field of it where that is a JSON object. Raises SecretUnavailable."""
    name, field = named(reference)
    if not _NAME.fullmatch(name):
        raise SecretUnavailable("what follows secretsmanager: is not a name or ARN; write secretsmanager:NAME#FIELD")
    where = f"the secret {name} of Secrets Manager"
    arn = _ARN.fullmatch(name)
    text = _text(name, arn.group(1) if arn else "", where)
    if not field:
        return require(text, where)
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise SecretUnavailable(f"{where}: is not a JSON object, so it has no fields", refused=True)
    return require(field_of(values, field, where), where)


def forget() -> None:
    """Drop the connections: the next fetch looks anew who weir is."""
    with _lock:
        for client in _clients.values():
            client.close()
        _clients.clear()


def _text(name: str, region: str, where: str) -> str:
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise SecretUnavailable("boto3 is not installed; run: pip install 'weir[aws]'") from None
    try:
        reply = _client(region).get_secret_value(SecretId=name)
    except ClientError as error:
        # The code only: AWS's message tells the account and the role, and the reply may hold anything.
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise SecretUnavailable(f"{where}: AWS answers {code}", refused=code in _REFUSED) from None
    except (BotoCoreError, ValueError) as error:
        name = type(error).__name__
        remedy = f"; {_REMEDIES[name]}" if name in _REMEDIES else ""
        raise SecretUnavailable(f"{where}: cannot be asked for ({name}){remedy}") from None
    text = reply.get("SecretString")
    if not isinstance(text, str):
        raise SecretUnavailable(f"{where}: holds bytes, not text", refused=True)
    return text


def _client(region: str) -> Any:
    import boto3
    from botocore.config import Config

    # At DEBUG botocore writes every reply into the log: the secret too.
    logger = logging.getLogger("botocore")
    if logger.getEffectiveLevel() < logging.INFO:
        logger.setLevel(logging.INFO)
    with _lock:
        if region not in _clients:
            config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
            session = boto3.session.Session()
            # boto3 itself reads AWS_DEFAULT_REGION only; what runs weir in AWS sets the other.
            where = region or os.environ.get("AWS_REGION") or None
            _clients[region] = session.client("secretsmanager", region_name=where, config=config)
        return _clients[region]
