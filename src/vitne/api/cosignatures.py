"""`POST /v1/logs/{tenant}/index/cosignatures`: an auditor brings its word about an index log.

Who may do so is decided by signatures: only cosignatures by keys of the index policy, over a head
that this very log has, are kept. Reading rights are asked for all the same where tiles are not
public, so that nobody learns from here which logs there are.
"""

from typing import Annotated, Final

from litestar import post
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from vitne.api.access import Head, read_head
from vitne.api.handlers import Here, Reads, peer_of
from vitne.api.log import LogDoor, TenantPath
from vitne.api.specs import READING, problems
from vitne.errors import BadInputError, IntegrityError
from vitne.services.logkeys import index_log_id
from vitne.services.witness_heads import WitnessedHeads

_BODY_BYTES_MAX: Final = 64 * 1024


class CosignaturesTaken(Struct, frozen=True):
    """What was kept."""

    keys: Annotated[int, Meta(description="Keys of the index policy that the note is signed by.")]
    size: Annotated[int, Meta(description="Newest size of the index log that meets the policy.")]


class CosignaturesDoor:
    """Takes cosignatures of index logs."""

    def __init__(self, log: LogDoor, witnessed: WitnessedHeads) -> None:
        self._log = log
        self._witnessed = witnessed

    def take(self, head: Head, peer_ip: str, tenant: str, note: bytes) -> CosignaturesTaken:
        """Keep the cosignatures of one note."""
        tree = index_log_id(self._log.named(head, peer_ip, tenant))
        try:
            keys = self._witnessed.take(tree, note.decode("utf-8", "replace"))
        except IntegrityError as error:
            # What somebody brings is at fault here, never what is stored.
            raise BadInputError(error.message, where=error.where) from None
        return CosignaturesTaken(keys, self._witnessed.gathering(tree).size)


def cosignature_routes(door: CosignaturesDoor, reads: Reads) -> list[HTTPRouteHandler]:
    """The one resource."""

    @post(
        "/v1/logs/{tenant:str}/index/cosignatures",
        status_code=200,
        operation_id="add_cosignatures",
        summary="Bring cosignatures of an index log",
        description="The body is a checkpoint of the index log with cosignatures by keys of the"
        " index policy, as text. `vitne audit-index` sends it.",
        responses=problems(*READING, "conflict", "too_large"),
        request_max_body_size=_BODY_BYTES_MAX,
        tags=["transparency log"],
    )
    async def add_cosignatures(request: Here, tenant: TenantPath) -> CosignaturesTaken:
        head = read_head(request.scope["headers"])
        note = await request.body()
        return await reads.run(door.take, head, peer_of(request), tenant, note)

    return [add_cosignatures]
