"""Whose signature a mirror believes: a policy of its owner's, or keys that it once took up.

Without a policy the first run takes the key that the log announces in its own first entries, and
keeps it: from then on no other will do. The key of the index log stands in the verified entries.
"""

from typing import Final

from vitne.core.entry.control import SigningKeyEntry
from vitne.core.entry.entry import decode_entry
from vitne.core.tree.tile import ENTRIES, TILE_WIDTH, TileId, parse_bundle
from vitne.errors import DecodeError, NotFoundError, VerificationError
from vitne.evidence.policy import Policy, policy_of_keys
from vitne.ports import MirrorFolder
from vitne.services.copies.mirror import PRIVATE
from vitne.services.log import PublishedFiles, parse_checkpoint

_ROLES: Final = {"log": "log-key", "index-log": "index-key"}
_FIRST: Final = 64
"""A log announces its keys in its first entries."""


class MirrorKeys:
    """The keys of one mirror.

    Args:
        folder: the mirror's.
        given: policy of the log, if its owner has one.
        index: likewise, of its index log.
    """

    def __init__(self, folder: MirrorFolder, given: Policy | None, index: Policy | None) -> None:
        self._folder = folder
        self._given = {"log": given, "index-log": index}

    def policy(self, role: str, files: PublishedFiles) -> tuple[Policy, str]:
        """The policy for a role, and on whose word: `given`, `kept`, `named` (by the log, now).

        Args:
            role: `log` or `index-log`.
            files: whose first entries name the key: the log's, or those that are held.

        Raises:
            NotFoundError: no key is named.
            VerificationError: the first entries are none.
        """
        given = self._given[role]
        if given is not None:
            return given, "given"
        kept = self._folder.get(PRIVATE + _ROLES[role])
        if kept is not None:
            return policy_of_keys([kept.decode("utf-8", "replace").strip()]), "kept"
        return policy_of_keys([_announced(files, role)]), "named"

    def keep(self, role: str, policy: Policy) -> None:
        """Remember a key, once what it signed was verified."""
        self._folder.put({PRIVATE + _ROLES[role]: f"{policy.logs[0].vkey}\n".encode()})


def _announced(files: PublishedFiles, role: str) -> str:
    note = files.get("checkpoint")
    if note is None:
        raise NotFoundError("the log shows no checkpoint", where="checkpoint")
    try:
        size = parse_checkpoint(note).size
        tile = TileId(ENTRIES, 0, min(TILE_WIDTH, size))
        data = files.get(tile.path) if size else None
        if data is None:
            raise NotFoundError("the log shows no entries yet", where=tile.path)
        for entry in parse_bundle(data, tile.width)[:_FIRST]:
            found = decode_entry(entry)
            if isinstance(found, SigningKeyEntry) and found.role == role:
                return found.vkey
    except DecodeError as error:
        raise VerificationError(error.message, rule="entries", where=error.where) from error
    raise NotFoundError(f"the log announces no key of the role {role}", where=tile.path)
