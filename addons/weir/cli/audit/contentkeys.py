"""``weir audit content-keys``: the keys that wrap the keys of kept texts."""

from __future__ import annotations

import typer

from weir.cli.audit.content import KeysOption
from weir.cli.audit.disclosing import key_reference
from weir.cli.options import DATA, DataOption, need_data
from weir.cli.output import fail, many, note, write

__all__ = ["app"]

COMMAND = "audit content-keys"
app = typer.Typer(help="The keys that wrap the keys of kept texts: make one, rotate them.", no_args_is_help=True)


@app.command()
def make() -> None:
    """Print a new key for a secret backend; without one weir makes its own file."""
    from weir.audit.content.kek import new_line

    write(new_line())


@app.command()
def rotate(data: DataOption = DATA, policy: KeysOption = None) -> None:
    """Put everything under a new key and destroy the old one; weir may go on running meanwhile.

    With a secret backend: put the new key in front of the old one there, with a comma between them; run this; then
    take the old one out.
    """
    from weir.audit.content.kek import KeyRingError, add_key, drop_old_keys
    from weir.audit.content.keystore import KeyFileError, KeyStore
    from weir.datadir import DataDirError
    from weir.edge.content.wrapping import key_file, ring_of

    need_data(COMMAND, data)
    reference = key_reference(COMMAND, data, policy)
    path = key_file(data)
    try:
        if reference is None and not path.exists():
            raise fail(COMMAND, f"there are no content keys at {path}: nobody's texts were ever kept here")
        store, ring = KeyStore(data / "content"), ring_of(data, reference)
        if unopened := store.unopened(ring):  # asked first: a key that was added may be in use at once
            raise fail(COMMAND, f"{_unopened(unopened)}; nothing was changed")
        if reference is None:
            ring = add_key(path)
        if reference is not None and len(ring.ids) < 2:
            note("the backend gives one key only: put the new one in front of it, with a comma between them")
        outcome = store.rewrap(ring)
        if outcome.unopened:
            stays = f"; the new key stays in {path} beside the old ones" if reference is None else ""
            raise fail(COMMAND, f"{_unopened(outcome.unopened)}; none was changed{stays}")
        gone = drop_old_keys(path) if reference is None else 0
    except (KeyRingError, KeyFileError, DataDirError) as error:
        raise fail(COMMAND, str(error)) from None
    except OSError as error:
        raise fail(COMMAND, f"{error.strerror or type(error).__name__}; run it again") from None
    told = f"{many(outcome.done, 'key')} of texts under the new key"
    if reference is None:
        write(f"{told}, {many(gone, 'old wrapping key')} destroyed\n")
    else:
        write(f"{told}; take the old one out of the backend now\n")


def _unopened(count: int) -> str:
    return f"{many(count, 'key')} of texts are wrapped by none of the keys at hand"
