"""`/v1/erasures`, `/v1/holds`, `/v1/retention`: what goes, and what must stay. Role admin.

Each act, and each look at what an act would do, is an event of the log before it is answered.
"""

from functools import partial
from typing import Annotated, Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter

from vitne.api.openapi.problems import READING, problems
from vitne.api.server import Access, Head, Reader, Reads, RequestHead, Tenant
from vitne.core.values import SECTIONS, format_utc
from vitne.errors import BadInputError
from vitne.ports import Hold
from vitne.services.erasure import ErasePlan, Erasing, ErasureRequest, Expiry, Holds, parse_rules
from vitne.wire.erasure import (
    EraseReply,
    EraseRequest,
    ExpiryReply,
    HoldReply,
    HoldRequest,
    HoldsReply,
    RetentionReply,
    RetentionRequest,
)

_CODES: Final = (*READING, "too_large")
_post = partial(post, status_code=200, tags=["erasure"])
_post_body = partial(_post, request_max_body_size=256 * 1024)

_HoldId = Annotated[str, PathParameter(description="Id of the hold.", max_length=64)]


class ErasureResource:
    """Erases, holds, and lets expire."""

    def __init__(self, erasing: Erasing, holds: Holds, access: Access) -> None:
        self._erasing = erasing
        self._holds = holds
        self._access = access

    def erase(self, head: RequestHead, sent: EraseRequest) -> EraseReply:
        """Erase, or say what would go."""
        who = self._access.keeper(head, sent.tenant)
        request = ErasureRequest(
            log=who.tenant,
            sections=tuple(name for name in SECTIONS if name in sent.sections),
            basis=sent.basis,
            ref=sent.ref,
            events=tuple(text.lower() for text in sent.events),
            where=sent.where,
            mentions=tuple(sent.mentions),
        )
        if sent.dry_run:
            return _to_erase_reply(who, self._erasing.plan(request, who.caller), None)
        done = self._erasing.run(request, who.caller)
        return _to_erase_reply(who, done.plan, [int(index) for index in done.entries])

    def holds(self, head: RequestHead, tenant: str) -> HoldsReply:
        """All holds of a log. Their filters may name people: the look is told."""
        who = self._access.keeper(head, tenant)
        return HoldsReply(
            [_to_hold_reply(hold) for hold in self._holds.show(who.tenant, who.caller)]
        )

    def hold(self, head: RequestHead, sent: HoldRequest) -> HoldReply:
        """Set one."""
        who = self._access.keeper(head, sent.tenant)
        if bool(sent.where.strip()) == sent.everything:
            raise BadInputError(
                "a hold has a filter, or is for everything, not both", where="where"
            )
        return _to_hold_reply(
            self._holds.put(who.tenant, sent.where, sent.reason, sent.ref, who.caller)
        )

    def release(self, head: RequestHead, hold_id: str, tenant: str) -> HoldReply:
        """End one; one that has ended stays as it is."""
        who = self._access.keeper(head, tenant)
        return _to_hold_reply(self._holds.release(who.tenant, hold_id, who.caller))

    def retain(self, head: RequestHead, sent: RetentionRequest) -> RetentionReply:
        """Let expire, or say what would."""
        who = self._access.keeper(head, sent.tenant)
        rules = parse_rules(sent.rules)
        act = self._erasing.expiring if sent.dry_run else self._erasing.expire
        found = act(who.tenant, rules, who.caller)
        return RetentionReply(
            tenant=who.tenant,
            dry_run=sent.dry_run,
            classes=[_to_expiry_reply(one) for one in found],
        )


def _to_erase_reply(who: Reader, plan: ErasePlan, entries: list[int] | None) -> EraseReply:
    return EraseReply(
        tenant=who.tenant,
        dry_run=entries is None,
        records=len(plan.records),
        first=[int(index) for index in plan.records[:1_000]],
        already=plan.already,
        segments=plan.segments,
        quarantined=len(plan.asides),
        holds=[hold.id for hold in plan.holds],
        entries=entries or [],
    )


def _to_hold_reply(hold: Hold) -> HoldReply:
    return HoldReply(
        id=hold.id,
        tenant=hold.log,
        where=hold.where,
        reason=hold.reason,
        ref=hold.reference,
        set_at=format_utc(hold.set_us),
        released_at=format_utc(hold.released_us) if hold.released_us else "",
    )


def _to_expiry_reply(one: Expiry) -> ExpiryReply:
    return ExpiryReply(
        retention_class=one.retention_class,
        days=one.days,
        records=len(one.records),
        held=one.held,
        below=int(one.min_index),
    )


def erasure_routes(resource: ErasureResource, reads: Reads) -> list[HTTPRouteHandler]:
    """What goes."""

    @_post_body(
        "/v1/erasures",
        operation_id="erase",
        summary="Erase sections of events",
        description="The commitments stay, so every earlier proof holds. When the reply comes, no"
        " byte of it is left in the store's files; backups keep what they had.",
        responses=problems(*_CODES, "filter_syntax", "held"),
    )
    async def erase(reader_head: Head, data: JSONBody[EraseRequest]) -> EraseReply:
        return await reads.run(resource.erase, reader_head, data)

    @_post_body(
        "/v1/retention",
        operation_id="expire",
        summary="Let records of some classes expire",
        description="In whole segments that are old enough; entries and proofs of them stay.",
        responses=problems(*_CODES),
    )
    async def expire(reader_head: Head, data: JSONBody[RetentionRequest]) -> RetentionReply:
        return await reads.run(resource.retain, reader_head, data)

    return [erase, expire]


def hold_routes(resource: ErasureResource, reads: Reads) -> list[HTTPRouteHandler]:
    """What must stay."""

    @get(
        "/v1/holds",
        operation_id="holds",
        summary="Legal holds of a log",
        description="Released ones too, oldest first.",
        responses=problems(*READING),
        tags=["erasure"],
    )
    async def holds(reader_head: Head, tenant: Tenant = "") -> HoldsReply:
        return await reads.run(resource.holds, reader_head, tenant)

    @_post_body(
        "/v1/holds",
        operation_id="set_hold",
        summary="Keep events from erasure and expiry (legal hold)",
        responses=problems(*_CODES, "filter_syntax"),
    )
    async def set_hold(reader_head: Head, data: JSONBody[HoldRequest]) -> HoldReply:
        return await reads.run(resource.hold, reader_head, data)

    @_post(
        "/v1/holds/{hold_id:str}/release",
        operation_id="release_hold",
        summary="End a legal hold",
        responses=problems(*READING),
    )
    async def release_hold(reader_head: Head, hold_id: _HoldId, tenant: Tenant = "") -> HoldReply:
        return await reads.run(resource.release, reader_head, hold_id, tenant)

    return [holds, set_hold, release_hold]
