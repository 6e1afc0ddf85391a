"""Which variables of the environment the ingester's process needs because of what the policy says, and no others."""

from __future__ import annotations

from weir.sections_audit import Audit

__all__ = ["needs"]

_REACHING = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_FILE"}
_FAMILIES = {"vault": ("VAULT_",), "secretsmanager": ("AWS_",)}  # by which a backend knows who weir is


def needs(audit: Audit) -> tuple[set[str], tuple[str, ...]]:
    """Names of variables, and beginnings of names, that publishing checkpoints to buckets takes."""
    names: set[str] = set()
    families: set[str] = set()
    for place in audit.checkpoints.publish:
        bucket = place.bucket
        if bucket is None:
            continue
        names |= _REACHING
        given = [reference for reference in (bucket.access_key, bucket.secret_key) if reference is not None]
        if len(given) < 2:
            families.add("AWS_")  # the machine's own identity
        for reference in given:
            scheme, _, rest = reference.partition(":")
            if scheme == "env":
                names.add(rest)
            families.update(_FAMILIES.get(scheme, ()))
    return names, tuple(sorted(families))
