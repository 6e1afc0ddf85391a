"""A bucket, against a moto server on loopback."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from weir.audit.evidence.publish.bucket import Bucket
from weir.audit.evidence.publish.place import Conflict, Entry, Unreachable
from weir.sections_audit import Bucket as Settings

KEYS = {"env:ID": "testing", "env:SECRET": "testing-too"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_PROFILE", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    made = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=address, aws_access_key_id="x", aws_secret_access_key="x"
    )
    yield made
    made.close()


@pytest.fixture
def name(client: Any) -> str:
    made = f"audit-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=made, ObjectLockEnabledForBucket=True)
    return made


def place(address: str, name: str, **given: Any) -> Bucket:
    settings = Settings(
        name=name, endpoint=address, region="us-east-1", access_key="env:ID", secret_key="env:SECRET", **given
    )
    return Bucket(settings, KEYS.__getitem__)


@pytest.mark.parametrize("mode", ["compliance", "governance"])
def test_objects_are_locked_for_as_long_as_the_policy_says(
    address: str, client: Any, name: str, some: list[Entry], mode: str
) -> None:
    bucket = place(address, name, prefix="weir/eu", lock_days=30, lock_mode=mode)
    bucket.send(some)
    bucket.close()
    for entry in some:
        key = f"weir/eu/{entry.name}"
        found = client.get_object(Bucket=name, Key=key)
        assert found["Body"].read() == entry.note
        assert found["ObjectLockMode"] == mode.upper()
        assert timedelta(days=29) < found["ObjectLockRetainUntilDate"] - datetime.now(UTC) <= timedelta(days=30)


def test_nothing_is_written_over(address: str, client: Any, name: str, some: list[Entry]) -> None:
    place(address, name).send(some)
    place(address, name).send(some)  # at least once
    versions = client.list_object_versions(Bucket=name)["Versions"]
    assert len(versions) == len(some)
    with pytest.raises(Conflict, match="entry 3 "):
        place(address, name).send([Entry("p", 3, some[2].ts, b"another")])
    assert client.get_object(Bucket=name, Key=some[2].name)["Body"].read() == some[2].note
    assert "ObjectLockMode" not in client.head_object(Bucket=name, Key=some[2].name)


def test_a_bucket_that_does_not_know_writes_that_only_make(
    address: str, client: Any, name: str, some: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    bucket = place(address, name)
    real = bucket._connected()

    class Old:
        def put_object(self, **given: Any) -> None:
            if "IfNoneMatch" in given:
                raise ClientError({"Error": {"Code": "NotImplemented"}}, "PutObject")
            real.put_object(**given)

    monkeypatch.setattr(bucket, "_connected", Old)
    bucket.send(some[:2])
    assert client.get_object(Bucket=name, Key=some[0].name)["Body"].read() == some[0].note


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "nowhere-at-all"}, "NoSuchBucket"),
        ({"endpoint": "http://127.0.0.1:1"}, "EndpointConnectionError"),
        ({"secret_key": "env:NONE"}, "a key of the bucket"),
    ],
)
def test_a_bucket_that_can_not_be_had(
    address: str, name: str, some: list[Entry], given: dict[str, str], said: str
) -> None:
    values = {"name": name, "endpoint": address, "region": "us-east-1", "access_key": "env:ID"}
    settings = Settings(**{"secret_key": "env:SECRET", **values, **given})
    with pytest.raises(Unreachable, match=said) as error:
        Bucket(settings, KEYS.__getitem__).send(some)
    assert "testing" not in str(error.value)
