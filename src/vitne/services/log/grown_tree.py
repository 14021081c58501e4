"""One tree, grown by new leaves: its tiles and its signed head, ready to be written."""

from collections.abc import Mapping, Sequence

from vitne.core.tree.grow import Edge, grow_tree, read_edge
from vitne.core.tree.merkle import EMPTY_ROOT
from vitne.core.tree.tile import TILE_WIDTH, parse_path
from vitne.core.values import LogId, Origin, TreeSize
from vitne.errors import IntegrityError
from vitne.ports import Head, ObjectStore
from vitne.services.log.keys import Logs
from vitne.services.log.published_files import Published, log_key
from vitne.services.log.staged_round import StagedLog


def load_grown_tree(
    objects: ObjectStore,
    logs: Logs,
    tree: tuple[LogId, Origin],
    head: Head | None,
    leaves: Sequence[bytes],
) -> StagedLog:
    """What is written once these leaves are signed after the head of a tree.

    Args:
        objects: where it is published.
        logs: their keys.
        tree: id and origin, of a log or of an index log.
        head: its latest checkpoint.
        leaves: the data of the leaves that follow.

    Raises:
        NotFoundError, IntegrityError: as `right_edge`.
    """
    log, origin = tree
    grown = grow_tree(right_edge(objects, log, head), leaves)
    fixed, partial = _by_kind(log, grown.objects)
    return StagedLog(
        log=log,
        old_size=head.size if head else TreeSize(0),
        head=Head(
            grown.edge.size, grown.root, logs.checkpoint(origin, grown.edge.size, grown.root)
        ),
        fixed=fixed,
        partial=partial,
        superseded=[log_key(log, path) for path in grown.superseded],
    )


def right_edge(objects: ObjectStore, log: LogId, head: Head | None) -> Edge:
    """The right edge as the published tiles give it, checked against the head.

    Raises:
        NotFoundError: a tile is missing.
        IntegrityError: the tiles do not give the root that was signed.
    """
    edge = read_edge(Published(objects, log).get, head.size if head else 0)
    if edge.root() != (head.root if head else EMPTY_ROOT):
        raise IntegrityError(
            f"the tiles of size {edge.size} do not give the root that was signed",
            where=log_key(log, "tile/"),
            hint="stop the server and run: vitne fsck",
        )
    return edge


def _by_kind(log: LogId, found: Mapping[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Tiles by object key: the full ones, which never change, and the partial ones."""
    fixed: dict[str, bytes] = {}
    partial: dict[str, bytes] = {}
    for path, data in found.items():
        kind = fixed if parse_path(path).width == TILE_WIDTH else partial
        kind[log_key(log, path)] = data
    return fixed, partial
