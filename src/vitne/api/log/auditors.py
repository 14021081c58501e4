"""`POST /v1/logs/{tenant}/index/cosignatures`, `…/objections`: what auditors send.

Who may do so is decided by signatures: only cosignatures by keys of the index policy, over a head
that this very log has, are kept; and only objections by such keys. Reading rights are asked for
all the same where tiles are not public, so that nobody learns from here which logs there are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from litestar import post
from litestar.handlers import HTTPRouteHandler

from vitne.api.log.tiles import LogResource, TenantPath
from vitne.api.openapi.problems import READING, problems
from vitne.api.server import Head, Here, Reads, RequestHead
from vitne.errors import BadInputError, IntegrityError
from vitne.services.log import index_log_id
from vitne.services.trust import Auditors, WitnessedHeads
from vitne.wire.tenants import CosignaturesReply, ObjectionReply

_take: Final = partial(
    post,
    status_code=200,
    responses=problems(*READING, "conflict", "too_large"),
    request_max_body_size=64 * 1024,
    tags=["transparency log"],
)


class AuditorsResource:
    """Takes what auditors say of index logs."""

    def __init__(self, log: LogResource, auditors: Auditors, witnessed: WitnessedHeads) -> None:
        self._log = log
        self._auditors = auditors
        self._witnessed = witnessed

    def cosign(self, head: RequestHead, tenant: str, note: bytes) -> CosignaturesReply:
        """Keep the cosignatures of one note."""
        tree = index_log_id(self._log.named(head, tenant))
        with _brought():
            keys = self._auditors.cosign(tree, note.decode("utf-8", "replace"))
        return CosignaturesReply(len(keys), self._witnessed.quorum_size(tree))

    def object(self, head: RequestHead, tenant: str, note: bytes) -> ObjectionReply:
        """Keep an objection."""
        tree = index_log_id(self._log.named(head, tenant))
        with _brought():
            found = self._auditors.object(tree, note.decode("utf-8", "replace"))
        return ObjectionReply(found.witness, found.said)


@contextmanager
def _brought() -> Iterator[None]:
    """What somebody brings is at fault here, never what is stored."""
    try:
        yield
    except IntegrityError as error:
        raise BadInputError(error.message, where=error.where) from None


def auditor_routes(resource: AuditorsResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The two resources."""

    @_take(
        "/v1/logs/{tenant:str}/index/cosignatures",
        operation_id="add_cosignatures",
        summary="Bring cosignatures of an index log",
        description="The body is a checkpoint of the index log with cosignatures by keys of the"
        " index policy, as text. `vitne audit-index` sends it.",
    )
    async def add_cosignatures(request: Here, head: Head, tenant: TenantPath) -> CosignaturesReply:
        return await reads.run(resource.cosign, head, tenant, await request.body())

    @_take(
        "/v1/logs/{tenant:str}/index/objections",
        operation_id="object_to_index",
        summary="Object to an index log",
        description="The body is a `vitne-objection/v1` note, signed by a key of the index policy."
        " Every answer names it until that key cosigns the index log again. `vitne audit-index`"
        " sends it when it finds the index log false.",
    )
    async def object_to_index(request: Here, head: Head, tenant: TenantPath) -> ObjectionReply:
        return await reads.run(resource.object, head, tenant, await request.body())

    return [add_cosignatures, object_to_index]
