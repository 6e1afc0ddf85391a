"""``weir audit prove``, ``verify-proof`` and ``rotate-key``: what is signed, shown to others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from weir.cli.audit.verify import key_in
from weir.cli.options import DATA, DataOption, FormatOption, need_data
from weir.cli.output import StoreTrouble, clean, fail, grid, note, store_errors, write, write_json

__all__ = ["prove", "rotate_key", "verify_proof"]


def prove(
    event_id: Annotated[
        str, typer.Argument(metavar="EVENT_ID", help="An event_id of the view events (an exchange has several).")
    ],
    data: DataOption = DATA,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the proof goes; default: stdout.")] = None,
) -> None:
    """Make the proof that a record is in the audit: it can be checked without the store (C2SP tlog-proof)."""
    from weir.audit.evidence.proving import Unprovable, proof_of, signer_of
    from weir.datadir import DataDirError

    need_data("audit prove", data)
    try:
        with store_errors():
            proof = proof_of(data, event_id.strip())
    except ValueError:
        raise fail("audit prove", "that is no event id; the view events has them", 2) from None
    except (StoreTrouble, Unprovable, DataDirError) as error:
        raise fail("audit prove", str(error)) from None
    if out is None:
        write(proof.text)
        return
    try:
        out.write_text(proof.text, encoding="utf-8")
    except OSError as error:
        raise fail("audit prove", f"{out} cannot be written ({error.strerror})") from None
    note(f"{out}: weir audit verify-proof checks it, with the public key that signed:\n{signer_of(data, proof).text}")


def verify_proof(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What weir audit prove wrote.")],
    key: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A public key one believes; may be repeated, after rotations."),
    ],
    format: FormatOption = "table",
) -> None:
    """Check a proof with the public key alone; exit 1 when it does not hold. It needs no data directory."""
    from weir.audit.evidence.tlogproof import BadProof, parse_proof, show

    keys = [key_in("audit verify-proof", path) for path in key]
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise fail("audit verify-proof", f"{file} cannot be read ({error.strerror})", 2) from None
    except UnicodeDecodeError:
        raise fail("audit verify-proof", "it is no proof of weir's") from None
    try:
        shown = show(parse_proof(text), keys)
    except BadProof as problem:
        raise fail("audit verify-proof", str(problem)) from None
    signed = shown.checkpoint
    if format == "json":
        about = {"number": signed.number, "size": signed.size, "ts": signed.ts, "boot_id": signed.boot_id}
        write_json({"ok": True, "key": shown.key.text, "checkpoint": about, "record": shown.row})
        return
    write(
        f"the record is row {shown.row['seq']} of the {signed.size} that checkpoint {signed.number} was signed over\n"
    )
    write(f"it is of {_when(shown.row['ts'])}, boot {signed.chain}; the checkpoint is of {_when(signed.ts)}\n")
    write(f"key {clean(shown.key.text)}\n\n")
    grid({name: str(value) for name, value in shown.row.items()})


def _when(at_us: object) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC" if isinstance(at_us, int) else "-"


def rotate_key(data: DataOption = DATA) -> None:
    """Let a new key sign checkpoints from now on; both sign the change. It may be done while weir runs."""
    from weir.audit.evidence.covered import log_of
    from weir.audit.evidence.keys import next_key
    from weir.audit.evidence.witness import Witness
    from weir.audit.record import now_us
    from weir.datadir import DataDir, DataDirError

    need_data("audit rotate-key", data)
    try:
        place = DataDir(data)
        witness = Witness(place.spool, log_of(place.path), place.keys, place.proxy_id)
        place.audit  # noqa: B018 made when missing
        old, new = witness.key, next_key(place.keys, place.proxy_id)
        witness.rotate(new, now_us())
    except (OSError, DataDirError) as error:
        why = str(error) if isinstance(error, DataDirError) else error.strerror or type(error).__name__
        raise fail("audit rotate-key", why) from None
    write(f"{new.verifier.text}\n")
    note(f"it signs from now on, after {old.text}")
    note("who has the first key (keys/checkpoint.pub) believes it: the log of checkpoints says that it took over")
