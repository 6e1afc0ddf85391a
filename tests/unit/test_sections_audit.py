"""The policy's section ``audit``: what is read, and which mistakes are told where."""

from __future__ import annotations

import pytest

from weir import settings
from weir.sections_audit import Audit
from weir.yamlpos import PolicyError

WHOLE = """\
version: 1
audit:
  durability: available
  content:
    keep: findings
    days: 7
    except:
      - {teams: [legal], keep: off}
      - {services: [openai], keep: full, days: 2}
  retention:
    days: 200
    spool_days: 10
    except:
      - {teams: finance, days: 3650}
  disk: {warn: 10GB, floor: 2GB}
  checkpoints:
    rows: 500
    seconds: 30
    publish:
      - directory: /mnt/worm
      - bucket: {name: evidence, lock_days: 400}
      - syslog: tls://siem.example:6514
"""


def test_all_of_it_is_read() -> None:
    audit = settings.loads(WHOLE).audit
    assert (audit.durability, audit.content.keep, audit.retention.spool_days) == ("available", "findings", 10)
    assert [item.keep for item in audit.content.exceptions] == ["off", "full"]
    assert audit.retention.exceptions[0].days == 3650
    assert audit.disk.floor < audit.disk.warn
    assert [bool(one.directory) for one in audit.checkpoints.publish] == [True, False, False]


def test_without_it_nothing_of_the_texts_is_kept_and_records_stay_longer_than_a_year() -> None:
    audit = settings.loads("version: 1").audit
    assert audit == Audit()
    assert (audit.content.keep, audit.retention.days, audit.durability) == ("off", 400, "strict")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("disk: {warn: 1GB, floor: 2GB}", "warn above floor"),
        ("content: {keep: some}", "off, findings, full"),
        ("content: {except: [{keep: off}]}", "services, teams or rules"),
        ("retention: {except: [{days: 3}]}", "services or teams"),
        ("checkpoints: {publish: [{}]}", "directory, bucket, syslog"),
        ("checkpoints: {publish: [{directory: /a, syslog: 'tls://b:1'}]}", "directory, bucket, syslog"),
        ("checkpoints: {publish: [{syslog: 'udp://b:1'}]}", "tcp://host:port"),
        ("checkpoints: {publish: [{bucket: {name: b, access_key: 'env:A'}}]}", "or neither"),
        ("checkpoints: {publish: [{directory: /a, ca: /b.pem}]}", "remove ca"),
        ("checkpoints: {publish: [{syslog: 'tcp://b:1', ca: /b.pem}]}", "remove ca"),
        ("retention: {days: 0}", "retention.days"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        settings.loads(f"version: 1\naudit:\n  {text}\n")
    (mistake,) = caught.value.mistakes
    assert mistake.line == 3 and said in str(mistake)
