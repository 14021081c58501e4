"""Object keys: which are allowed, and under which file name each is kept."""

import re

from vitne.errors import BadInputError

MOST_KEY_BYTES = 400

_PART = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+"
_KEY = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_FULL_BUNDLE = re.compile(r"(?:.+/)?tile/entries/(?:x[0-9]{3}/)*[0-9]{3}", re.ASCII)

GZIP = ".gz"


def checked_key(key: str) -> str:
    """The key itself.

    Raises:
        BadInputError: it is not of the form that `vitne.ports.ObjectStore` states, or names the
            compressed file of a full bundle, which is no object of its own.
    """
    if len(key) > MOST_KEY_BYTES or not _KEY.fullmatch(key):
        raise BadInputError("this is no object key", where=repr(key[:MOST_KEY_BYTES]))
    if key.endswith(GZIP) and is_compressed(key.removesuffix(GZIP)):
        raise BadInputError("the file of a bundle is read by the bundle's own key", where=key)
    return key


def is_compressed(key: str) -> bool:
    """Whether the object is kept as gzip: full bundles of entries are, they never change."""
    return _FULL_BUNDLE.fullmatch(key) is not None


def file_name(key: str) -> str:
    """Path of the key's file inside the folder."""
    return key + GZIP if is_compressed(key) else key


def key_of(file: str) -> str:
    """The key of a file's path: the inverse of `file_name`."""
    key = file.removesuffix(GZIP)
    return key if is_compressed(key) else file
