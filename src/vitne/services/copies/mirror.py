"""Copy a log from another machine, and believe nothing that its signed root does not hold.

Only checkpoints and bundles of entries are fetched. The tiles are computed from the entries, so
what is kept is what the signed root commits to, whatever the server says of its tiles.

Crash argument: everything new waits below `.mirror/incoming` until its root is the signed one; then
the files are moved to their places, then `checkpoint` is replaced, then narrower partial tiles go.
A kill before the move leaves files that the next run reads and hashes again in place of fetching
them; one in it leaves files that no checkpoint names, and that it writes again with equal bytes.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from vitne.core.tree.grow import Edge, TreeGrowth, grow_tree, read_edge
from vitne.core.tree.tile import ENTRIES, TILE_WIDTH, TileId, parse_bundle
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values import Hash, TreeSize, format_utc
from vitne.errors import (
    DecodeError,
    NotFoundError,
    RollbackError,
    UnavailableError,
    VerificationError,
    VitneError,
)
from vitne.evidence.policy import Policy
from vitne.evidence.record.verify import VerifiedHead, check_head
from vitne.ports import MirrorFolder
from vitne.services.log import COSIGNED, PublishedFiles

PRIVATE: Final = ".mirror/"
"""What is the mirror's own in its folder."""
_INCOMING: Final = f"{PRIVATE}incoming/"
_EVIDENCE: Final = f"{PRIVATE}evidence/"
_PIECE: Final = 16 * TILE_WIDTH
"""Entries in memory at once."""
_EMPTY: Final = Edge(TreeSize(0), ())
_HEAD_BYTES: Final = 1 << 20


class MirrorProgress(Struct, frozen=True):
    """How far a mirror is."""

    head: VerifiedHead
    before: int
    """Size before this run."""

    @property
    def new(self) -> int:
        """Entries that came in this run."""
        return self.head.size - self.before


class MirroredLog:
    """One log, or its index log, in a mirror's folder.

    Args:
        files: where it is copied from.
        folder: where to.
        prefix: `""`, or `"index/"` for the index log; the same on both sides.
        now: microseconds since 1970.
    """

    def __init__(
        self, files: PublishedFiles, folder: MirrorFolder, prefix: str, now: Callable[[], int]
    ) -> None:
        self._files = files
        self._folder = folder
        self._prefix = prefix
        self._now = now
        self._seen_us = 0
        """When the log was asked for its checkpoint."""
        self._reused = False
        """Something that waited from an earlier run was used."""

    # ------------------------------------------------------------ copying

    def sync(
        self, policy: Policy, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> MirrorProgress | None:
        """Copy what is new; None if the log shows no checkpoint.

        Args:
            policy: whose word counts.
            progress: told how many of how many entries are there.

        Raises:
            VerificationError: a fork, or entries that the signed root does not hold; what was
                shown is kept as evidence, and the copy stays as it was.
            RollbackError: the log shows a smaller tree than it signed before; likewise.
            NotFoundError: something that must be served is not.
            UnavailableError: the log was not reached.
        """
        self._seen_us = self._now()
        note = self._note(policy)
        if note is None:
            return None
        held_note = self.held_note()
        held = None if held_note is None else check_head(held_note, policy)
        try:
            head = check_head(note, policy)
        except VerificationError as error:
            self._keep(note, error)
            raise
        if held is not None:
            self._compare(held, head, note)
        if held_note != note:
            self._take(held, head, note, progress)
        return MirrorProgress(head, held.size if held else 0)

    def _compare(self, held: VerifiedHead, head: VerifiedHead, note: str) -> None:
        error: VitneError | None = None
        if held.origin != head.origin:
            error = VerificationError(
                f"expected the log {held.origin}, got {head.origin}", rule="origin"
            )
        elif head.size < held.size:
            error = RollbackError(
                f"the log shows {head.size:,} entries, and it signed {held.size:,} before",
                where=held.origin,
                hint="an old backup was put back, or a cache is stale; the mirror stays as it is",
            )
        elif head.size == held.size and head.root != held.root:
            error = _fork(held, head)
        if error is not None:
            self._keep(note, error)
            raise error

    def _take(
        self,
        held: VerifiedHead | None,
        head: VerifiedHead,
        note: str,
        progress: Callable[[int, int], None],
    ) -> None:
        edge = self._edge(held.size if held else 0)
        if held and held.size and edge.root() != held.root:
            raise VerificationError(
                "the mirror itself is damaged: run vitne mirror verify", rule="mirror"
            )
        self._reused = False
        root, staged, superseded = self._fetch(edge, head.size, progress)
        if root != head.root and self._reused:  # what waited may be of another time
            self._forget_incoming()
            root, staged, superseded = self._fetch(edge, head.size, progress)
        if root != head.root:
            self._refuse(held, head, note)
        waiting = f"{_INCOMING}{self._prefix}"
        self._folder.move([(waiting + path, self._prefix + path) for path in staged])
        # Its time tells how new it is: `vitne receipts check` forgives what is younger.
        self._folder.put({f"{self._prefix}checkpoint": note.encode()}, self._seen_us)
        self._folder.delete([self._prefix + path for path in superseded if path not in staged])
        self._forget_incoming()

    def _fetch(
        self, edge: Edge, size: int, progress: Callable[[int, int], None]
    ) -> tuple[Hash, list[str], list[str]]:
        """Grow a tree by what the log serves: its root, the waiting files, those they replace."""
        staged: list[str] = []
        superseded: list[str] = []
        while edge.size < size:
            # Whole bundles, so that only the last piece has partial tiles that stay.
            end = min(size, (edge.size // _PIECE + 1) * _PIECE)
            grown = grow_tree(edge, self._entries(edge.size, end, size))
            staged += self._stage(grown, last=end == size)
            superseded += grown.superseded
            edge = grown.edge
            progress(end, size)
        return edge.root(), staged, superseded

    def _stage(self, grown: TreeGrowth, *, last: bool) -> list[str]:
        kept = {
            path: data
            for path, data in grown.objects.items()
            if last or not path.rpartition("/")[0].endswith(".p")
        }
        self._folder.put({f"{_INCOMING}{self._prefix}{p}": data for p, data in kept.items()})
        return list(kept)

    def _entries(self, start: int, end: int, size: int) -> list[bytes]:
        """Entries of [start, end): those that wait already, or from the log."""
        found: list[bytes] = []
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = number * TILE_WIDTH
            width = min(TILE_WIDTH, size - first)
            found += self._bundle(number, width)[max(0, start - first) : end - first]
        return found

    def _bundle(self, number: int, width: int) -> list[bytes]:
        tile = TileId(ENTRIES, number, width)
        waiting = self._folder.get(f"{_INCOMING}{self._prefix}{tile.path}")
        if waiting is not None:
            with suppress(DecodeError):
                self._reused = True
                return parse_bundle(waiting, width)
        data = self._files.get(self._prefix + tile.path)
        if data is None and width < TILE_WIDTH:
            # C2SP tlog-tiles: a partial one may be gone once the full one is there.
            full = self._files.get(self._prefix + TileId(ENTRIES, number).path)
            if full is not None:
                return self._parsed(full, TILE_WIDTH, tile)[:width]
        if data is None:
            raise NotFoundError("the log withholds a bundle", where=self._prefix + tile.path)
        return self._parsed(data, width, tile)

    def _parsed(self, data: bytes, width: int, tile: TileId) -> list[bytes]:
        try:
            return parse_bundle(data, width)
        except DecodeError as error:
            raise VerificationError(
                f"a bundle is damaged: {error.message}", rule="entries", where=tile.path
            ) from error

    # ------------------------------------------------------------ refusing

    def _refuse(self, held: VerifiedHead | None, head: VerifiedHead, note: str) -> None:
        """The entries do not lead to the signed root: whose fault is it?

        Raises:
            VerificationError: always.
        """
        self._forget_incoming()
        before = held.size if held else 0
        error = VerificationError(
            "the entries that the log serves are not those that it signed",
            rule="entries",
            where=f"entries {before} to {head.size - 1}",
        )
        try:
            tiles = TileReader(lambda path: self._files.get(self._prefix + path), head.size)
            signed = tiles.root() == head.root
            if signed and held and before and tiles.root(before) != held.root:
                error = VerificationError(
                    "a fork: the log's newest tree does not begin with the tree that is held",
                    rule="fork",
                    where=f"size {before} and size {head.size}",
                    hint="its checkpoints are kept: both are signed",
                )
        except (NotFoundError, DecodeError, UnavailableError):
            pass  # its tiles do not say; the entries speak
        self._keep(note, error)
        raise error

    def _keep(self, note: str, error: VitneError) -> None:
        at_us = self._now()
        found = {
            "found_at": format_utc(at_us),
            "code": error.code,
            "rule": getattr(error, "rule", ""),
            "message": error.message,
            "where": error.where,
            "held": self.held_note(),
            "shown": note,
        }
        data = msgspec.json.format(msgspec.json.encode(found)) + b"\n"
        place = self._prefix.rstrip("/") or "log"
        self._folder.put({f"{_EVIDENCE}{place}-refused-{at_us}.json": data})

    # ------------------------------------------------------------ what is held

    def held_note(self) -> str | None:
        """The checkpoint that the mirror holds."""
        data = self._folder.get(f"{self._prefix}checkpoint")
        return None if data is None else data.decode("utf-8", "replace")

    def verify(
        self, policy: Policy, progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> VerifiedHead | None:
        """Hash all entries of the copy again, and compare every tile; None: nothing is held.

        Raises:
            VerificationError: a file is damaged, or gone; `where` names it.
        """
        note = self.held_note()
        if note is None:
            return None
        head, edge = check_head(note, policy), _EMPTY
        while edge.size < head.size:
            end = min(head.size, edge.size + _PIECE)
            grown = grow_tree(edge, self._held_entries(edge.size, end, head.size))
            for path, data in grown.objects.items():
                partial = path.rpartition("/")[0].endswith(".p")
                if (not partial or end == head.size) and self._held(path) != data:
                    raise VerificationError(
                        "a file of the mirror is damaged", rule="mirror", where=self._prefix + path
                    )
            edge = grown.edge
            progress(end, head.size)
        if edge.root() != head.root:
            raise VerificationError(
                "the entries of the mirror do not lead to its checkpoint", rule="mirror"
            )
        return head

    def _held(self, path: str) -> bytes | None:
        return self._folder.get(self._prefix + path)

    def _held_entries(self, start: int, end: int, size: int) -> list[bytes]:
        found: list[bytes] = []
        for number in range(start // TILE_WIDTH, -(-end // TILE_WIDTH)):
            width = min(TILE_WIDTH, size - number * TILE_WIDTH)
            tile = TileId(ENTRIES, number, width)
            data = self._held(tile.path)
            if data is None:
                raise VerificationError(
                    "a file of the mirror is gone", rule="mirror", where=self._prefix + tile.path
                )
            found += self._parsed(data, width, tile)
        return found

    def _edge(self, size: int) -> Edge:
        try:
            return read_edge(self._held, size) if size else _EMPTY
        except (NotFoundError, DecodeError) as error:
            raise VerificationError(
                f"the mirror itself is damaged: {error.message}", rule="mirror", where=error.where
            ) from error

    def _note(self, policy: Policy) -> str | None:
        names = ["checkpoint"] if policy.quorum == "none" else [COSIGNED, "checkpoint"]
        shown = (self._files.get(self._prefix + name) for name in names)
        data = next((one for one in shown if one is not None), None)
        if data is not None and len(data) > _HEAD_BYTES:
            raise VerificationError("a checkpoint that is too long", rule="origin")
        return None if data is None else data.decode("utf-8", "replace")

    def _forget_incoming(self) -> None:
        self._folder.delete(list(self._folder.names(f"{_INCOMING}{self._prefix}")))


def _fork(held: VerifiedHead, head: VerifiedHead) -> VerificationError:
    return VerificationError(
        f"a fork: two roots of size {head.size:,} are signed",
        rule="fork",
        where=held.origin,
        hint="both checkpoints are kept: whoever sees them knows that the log lied",
    )
