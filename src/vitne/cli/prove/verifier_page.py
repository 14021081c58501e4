"""`vitne verify --html`: the verifier that runs in a browser, written to a file."""

from hashlib import sha256
from pathlib import Path

from vitne.cli.base.output import Output
from vitne.errors import BadInputError
from vitne.evidence.browser import read_verifier_page


def write_page(out: Output, path: Path) -> None:
    """Write the page, and say its SHA-256, by which others can know it.

    Raises:
        BadInputError: the file cannot be written.
        ConfigurationError: this installation lacks the page.
    """
    page = read_verifier_page()
    digest = sha256(page).hexdigest()
    try:
        path.write_bytes(page)
    except OSError as error:
        raise BadInputError(f"cannot write the page: {error.strerror}", where=str(path)) from error
    told = {"file": str(path), "bytes": len(page), "sha256": digest}
    out.result(told, f"{path}: {len(page):,} bytes, SHA-256 {digest}")
