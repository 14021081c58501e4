"""The second verifier of bundles: JavaScript for browsers, joined into one page.

    verify.js   its map: the twenty rules in order
    core        bytes, JSON, hashes, signatures, notes, policies, entries, filters
    rules       the rules themselves
    page        what a reader sees; `main.js` begins
    vendor      cryptography of others

`tools/build-verifier` joins them into `evidence/verifier.html`, which is not in git: `make setup`
and the build of a wheel run it.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable

from vitne.errors import ConfigurationError

__all__ = ["read_verifier_page"]

_PAGE = files("vitne.evidence") / "verifier.html"


def read_verifier_page(page: Traversable = _PAGE) -> bytes:
    """The page, as `vitne verify --html` writes it and servers serve it.

    Raises:
        ConfigurationError: it has not been built.
    """
    try:
        return page.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            "this installation lacks the verifier for browsers",
            where=str(page),
            hint="in a checkout, `make setup` builds it",
        ) from error
