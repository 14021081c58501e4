"""`/log/<tenant>/…`: checkpoint, tiles and entry bundles, as C2SP tlog-tiles lays them out.

They hold no personal data, so reading them is no event of the log. A narrower partial tile than
the newest is cut from it (`services.published`).
"""

from collections.abc import Callable
from typing import Annotated, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from vitne.api.access import Access, Head, read_head
from vitne.api.handlers import Here, Reads, peer_of, respond
from vitne.api.replies import Header, Reply
from vitne.api.specs import READING, body, problems
from vitne.core.tile import TILE_WIDTH, TileId, parse_path
from vitne.core.types import LogId
from vitne.errors import DecodeError, NotFoundError
from vitne.ports import StateStore
from vitne.services.published import Published, is_full_bundle

_NOTE: Final = b"text/plain; charset=utf-8"
_BYTES: Final = b"application/octet-stream"
_WEEK_S: Final = 604_800

TenantPath = Annotated[
    str, PathParameter(description="Id of the tenant, whose log it is.", max_length=64)
]
TilePath = Annotated[
    str,
    PathParameter(
        description="`<level>/<n>`, `<level>/<n>.p/<width>`, or `entries/` before the same."
    ),
]


class LogDoor:
    """Serves what the logs have published."""

    def __init__(
        self,
        published: Callable[[LogId], Published],
        access: Access,
        state: StateStore,
        *,
        public: bool,
    ) -> None:
        self._published = published
        self._access = access
        self._state = state
        self._public = public

    def checkpoint(self, head: Head, peer_ip: str, tenant: str) -> Reply:
        """The newest signed checkpoint; may be a second old."""
        note = self._log(head, peer_ip, tenant).checkpoint()
        if note is None:
            raise NotFoundError("the log has not published yet", hint="try again in a second")
        return Reply(200, note.encode("utf-8"), _NOTE, (self._cached(1, immutable=False),))

    def tile(self, head: Head, peer_ip: str, tenant: str, path: str) -> Reply:
        """A tile or a bundle; a full bundle as a gzip frame if the client takes one."""
        log = self._log(head, peer_ip, tenant)
        try:
            tile = parse_path(f"tile/{path.lstrip('/')}")
        except DecodeError:
            raise _no_tile() from None
        caching = self._cached(_WEEK_S, immutable=tile.width == TILE_WIDTH)
        if is_full_bundle(tile):
            return self._bundle(log, tile, head, caching)
        data = log.tile(tile)
        if data is None:
            raise _no_tile()
        return Reply(200, data, _BYTES, (caching,))

    def _bundle(self, log: Published, tile: TileId, head: Head, caching: Header) -> Reply:
        headers: tuple[Header, ...] = (caching, (b"vary", b"Accept-Encoding"))
        if _takes_gzip(head.accept_encoding):
            data, headers = log.packed(tile), (*headers, (b"content-encoding", b"gzip"))
        else:
            data = log.tile(tile)
        if data is None:
            raise _no_tile()
        return Reply(200, data, _BYTES, headers)

    def _log(self, head: Head, peer_ip: str, tenant: str) -> Published:
        if not self._public:
            tenant = self._access.reader(head, peer_ip, tenant).tenant
        elif self._state.tenant(LogId(tenant)) is None:
            raise NotFoundError("there is no such log")
        return self._published(LogId(tenant))

    def _cached(self, seconds: int, *, immutable: bool) -> Header:
        who = "public" if self._public else "private"
        ending = ", immutable" if immutable else ""
        return (b"cache-control", f"{who}, max-age={seconds}{ending}".encode("ascii"))


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names gzip, with a weight above zero."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _no_tile() -> NotFoundError:
    return NotFoundError("the log has published no such tile")


def log_routes(door: LogDoor, reads: Reads) -> list[HTTPRouteHandler]:
    """The two resources of every log."""

    @get(
        "/log/{tenant:str}/checkpoint",
        operation_id="checkpoint",
        summary="Newest signed checkpoint of a log",
        description="C2SP tlog-checkpoint. Needs a read key of the tenant, unless `public_log`.",
        media_type="text/plain",
        responses=problems(*READING),
        tags=["transparency log"],
    )
    async def checkpoint(request: Here, tenant: TenantPath) -> Response[bytes]:
        head = read_head(request.scope["headers"])
        return respond(await reads.run(door.checkpoint, head, peer_of(request), tenant))

    @get(
        "/log/{tenant:str}/tile/{path:path}",
        operation_id="tile",
        summary="A tile or an entry bundle of a log",
        description="C2SP tlog-tiles: `0/x001/067`, `0/000.p/17`, `entries/000`.",
        responses={
            **problems(*READING),
            200: body(bytes, _BYTES.decode("ascii"), "Hashes of 32 bytes, or entries."),
        },
        tags=["transparency log"],
    )
    async def tile(request: Here, tenant: TenantPath, path: TilePath) -> Response[bytes]:
        head = read_head(request.scope["headers"])
        return respond(await reads.run(door.tile, head, peer_of(request), tenant, path))

    return [checkpoint, tile]
