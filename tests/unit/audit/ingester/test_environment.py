"""Which variables the process needs: none, unless the policy publishes to a bucket."""

from __future__ import annotations

import pytest

from weir.audit.ingester.environment import needs
from weir.sections_audit import Audit, Bucket, Checkpoints, Publish


def audit(**given: str) -> Audit:
    return Audit(checkpoints=Checkpoints(publish=(Publish(bucket=Bucket(name="b", **given)),)))


def test_without_a_bucket_nothing() -> None:
    assert needs(Audit()) == (set(), ())
    assert needs(Audit(checkpoints=Checkpoints(publish=(Publish(syslog="tcp://a:1"),)))) == (set(), ())


@pytest.mark.parametrize(
    ("given", "names", "families"),
    [
        ({}, set(), ("AWS_",)),
        ({"access_key": "env:S3_ID", "secret_key": "env:S3_KEY"}, {"S3_ID", "S3_KEY"}, ()),
        ({"access_key": "env:S3_ID", "secret_key": "vault:secret/s3#key"}, {"S3_ID"}, ("VAULT_",)),
        ({"access_key": "file:/a", "secret_key": "secretsmanager:s3"}, set(), ("AWS_",)),
    ],
)
def test_just_what_the_references_name(given: dict[str, str], names: set[str], families: tuple[str, ...]) -> None:
    found, beginnings = needs(audit(**given))
    assert names <= found and not {name for name in found - names if "PROXY" not in name.upper() and "CERT" not in name}
    assert beginnings == families
