"""`/log/<tenant>/…`: checkpoint, tiles and entry bundles, as C2SP tlog-tiles lays them out.

Below `index/` the same of the index log. Beside each `checkpoint` stands `checkpoint.cosigned`: the
newest head that enough witnesses have cosigned.

They hold no personal data, so reading them is no event of the log. A narrower partial tile than
the newest is cut from it (`services.log.published_files`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from vitne.api.openapi.problems import READING, body, problems
from vitne.api.server import Access, Head, Header, HttpReply, Reads, RequestHead, respond
from vitne.core.tree.tile import TILE_WIDTH, TileId, parse_path
from vitne.core.values import LogId
from vitne.errors import DecodeError, NotFoundError
from vitne.ports import StateStore
from vitne.services.log import Published, index_log_id, is_full_bundle
from vitne.services.trust import CosignedHeads

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


@dataclass(frozen=True)
class LogResource:
    """Serves what the logs have published."""

    published: Callable[[LogId], Published]
    heads: CosignedHeads
    access: Access
    state: StateStore
    public: bool

    def checkpoint(self, head: RequestHead, tenant: str, *, index: bool) -> HttpReply:
        """The newest signed checkpoint; may be a second old."""
        note = self._tree(head, tenant, index).checkpoint()
        if note is None:
            raise NotFoundError("the log has not published yet", hint="try again in a second")
        return HttpReply(200, note.encode("utf-8"), _NOTE, (self._cached(1, immutable=False),))

    def cosigned(self, head: RequestHead, tenant: str, *, index: bool) -> HttpReply:
        """The newest one that meets the policy; without witnesses, the newest one."""
        log = self.named(head, tenant)
        note = self.heads.index(log) if index else self.heads.newest(log)
        if note is None:
            raise NotFoundError("no head is cosigned yet", hint="try again in a few seconds")
        return HttpReply(200, note.encode("utf-8"), _NOTE, (self._cached(1, immutable=False),))

    def tile(self, head: RequestHead, tenant: str, path: str, *, index: bool) -> HttpReply:
        """A tile or a bundle; a full bundle as a gzip frame if the client takes one."""
        log = self._tree(head, tenant, index)
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
        return HttpReply(200, data, _BYTES, (caching,))

    def _bundle(
        self, log: Published, tile: TileId, head: RequestHead, caching: Header
    ) -> HttpReply:
        headers: tuple[Header, ...] = (caching, (b"vary", b"Accept-Encoding"))
        if _takes_gzip(head.accept_encoding):
            data, headers = log.packed(tile), (*headers, (b"content-encoding", b"gzip"))
        else:
            data = log.tile(tile)
        if data is None:
            raise _no_tile()
        return HttpReply(200, data, _BYTES, headers)

    def named(self, head: RequestHead, tenant: str) -> LogId:
        """The log of a tenant, for whoever may read it.

        Raises:
            NotFoundError: there is none, or it is another's.
            UnknownKeyError, NotAllowedError: as `Access.reader`, unless logs are public.
        """
        if not self.public:
            return self.access.reader(head, tenant).tenant
        if self.state.tenant(LogId(tenant)) is None:
            raise NotFoundError("there is no such log")
        return LogId(tenant)

    def _tree(self, head: RequestHead, tenant: str, index: bool) -> Published:
        log = self.named(head, tenant)
        return self.published(index_log_id(log) if index else log)

    def _cached(self, seconds: int, *, immutable: bool) -> Header:
        who = "public" if self.public else "private"
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


def log_routes(resource: LogResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The resources of every log, and of its index log."""
    return [*_tree_routes(resource, reads, index=False), *_tree_routes(resource, reads, index=True)]


def _tree_routes(resource: LogResource, reads: Reads, *, index: bool) -> list[HTTPRouteHandler]:
    prefix = "/log/{tenant:str}/index" if index else "/log/{tenant:str}"
    name, what = ("index_", "an index log") if index else ("", "a log")

    @get(
        f"{prefix}/checkpoint",
        operation_id=f"{name}checkpoint",
        summary=f"Newest signed checkpoint of {what}",
        description="C2SP tlog-checkpoint. Needs a read key of the tenant, unless `public_log`.",
        media_type="text/plain",
        responses=problems(*READING),
        tags=["transparency log"],
    )
    async def checkpoint(head: Head, tenant: TenantPath) -> Response[bytes]:
        return respond(await reads.run(resource.checkpoint, head, tenant, index=index))

    @get(
        f"{prefix}/checkpoint.cosigned",
        operation_id=f"{name}cosigned_checkpoint",
        summary=f"Newest checkpoint of {what} that enough witnesses have cosigned",
        description="With their cosignatures. The newest one where the settings name no witness.",
        media_type="text/plain",
        responses=problems(*READING),
        tags=["transparency log"],
    )
    async def cosigned(head: Head, tenant: TenantPath) -> Response[bytes]:
        return respond(await reads.run(resource.cosigned, head, tenant, index=index))

    @get(
        f"{prefix}/tile/{{path:path}}",
        operation_id=f"{name}tile",
        summary=f"A tile or an entry bundle of {what}",
        description="C2SP tlog-tiles: `0/x001/067`, `0/000.p/17`, `entries/000`.",
        responses={
            **problems(*READING),
            200: body(bytes, _BYTES.decode("ascii"), "Hashes of 32 bytes, or entries."),
        },
        tags=["transparency log"],
    )
    async def tile(head: Head, tenant: TenantPath, path: TilePath) -> Response[bytes]:
        return respond(await reads.run(resource.tile, head, tenant, path, index=index))

    return [checkpoint, cosigned, tile]
