"""`vitne witness`: be a witness of logs, of Vitne's or of anybody's (C2SP tlog-witness)."""

import secrets
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from vitne.cli.base.files import write_private
from vitne.cli.base.output import Json, Output, copied
from vitne.core.tree.note import Signer
from vitne.core.tree.signature import COSIGNATURE, MLDSA_COSIGNATURE, SEED_BYTES

app = App(
    name="witness", help="Run a witness that co-signs the checkpoints of logs (C2SP tlog-witness)."
)
app.command(
    "vitne.cli.prove.witness_serve:serve_witness",
    name="serve",
    help="Serve a witness over HTTP until SIGTERM.",
)
app.command(
    "vitne.cli.prove.witness_serve:show_forks",
    name="forks",
    help="Show heads that one log signed and that do not agree.",
)


@app.command(name="key")
def make_witness_key(
    name: Annotated[
        str, Parameter(help="Its name: an address of yours without scheme, as w.example.org/vitne.")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="File for the private key; made with mode 0600.")],
    mldsa: Annotated[
        bool, Parameter(help="Make a key of type 0x06 (ML-DSA-44), not Ed25519.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the key of a witness or of an auditor, and print its public half, the vkey."""
    kind = MLDSA_COSIGNATURE if mldsa else COSIGNATURE
    signer = Signer(name, secrets.token_bytes(SEED_BYTES), kind)
    write_private(out, f"{signer.skey}\n")
    Output(json).result({"vkey": signer.vkey, "file": str(out)}, copied(signer.vkey))
