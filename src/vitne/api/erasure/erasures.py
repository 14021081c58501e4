"""`/v1/erasures`, `/v1/holds`, `/v1/retention`: what goes, and what must stay. Role admin.

Each act, and each look at what an act would do, is an event of the log before it is answered.
"""

from typing import Annotated, Final, Literal

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from vitne.api.openapi.problems import READING, problems
from vitne.api.search.show import Purpose, Tenant
from vitne.api.server.access import Access, Head, Reader, read_head
from vitne.api.server.responses import Here, Reads, peer_of
from vitne.core.values.times import format_utc
from vitne.core.values.types import SECTIONS
from vitne.errors import BadInputError
from vitne.ports import Hold
from vitne.services.erasure.erase import ErasePlan, ErasureRequest
from vitne.services.erasure.expiry import Expiry, parse_rules
from vitne.services.erasure.holds import Holds
from vitne.services.erasure.logged import Erasing

_BODY_BYTES_MAX: Final = 256 * 1024
_CODES: Final = (*READING, "too_large")

_Basis = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9_.-]{1,64}$",
        description="Why, as a code; it stands in the log for good, so it names nobody.",
        examples=["gdpr-17"],
    ),
]
_Case = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._:/#-]{0,128}$",
        description="The case; it stands in the log for good, so it names nobody.",
        examples=["REQ-12"],
    ),
]
_TenantId = Annotated[
    str, Meta(max_length=64, description="Whose log; needed by keys for several tenants.")
]
_Filter = Annotated[str, Meta(max_length=4_096, description="Filter, in the search language.")]
_HoldId = Annotated[str, PathParameter(description="Id of the hold.", max_length=64)]


class ErasureSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be erased: of the events that are named, or that the filter finds."""

    sections: Annotated[
        list[Literal["core", "payload", "person"]],
        Meta(min_length=1, max_length=3, description="Which sections of each record go."),
    ]
    basis: _Basis
    ref: Annotated[_Case, Meta(min_length=1)]
    tenant: _TenantId = ""
    events: Annotated[
        list[Annotated[str, Meta(max_length=36)]],
        Meta(max_length=5_000, description="UUIDs of events; then `where` is not looked at."),
    ] = []
    where: _Filter = ""
    mentions: Annotated[
        list[Annotated[str, Meta(min_length=4, max_length=512)]],
        Meta(
            max_length=64, description="Quarantined bytes that hold one of these texts go as well."
        ),
    ] = []
    dry_run: Annotated[bool, Meta(description="Say what would go, and change nothing.")] = False


class ErasureShown(Struct, frozen=True, kw_only=True):
    """What went, or would go."""

    tenant: str
    dry_run: bool
    records: Annotated[int, Meta(description="Records of which a section goes.")]
    first: Annotated[list[int], Meta(description="Positions of the first 1,000 of them.")]
    already: Annotated[int, Meta(description="Records found of which these sections are gone.")]
    segments: Annotated[int, Meta(description="Sealed segments that are written anew.")]
    quarantined: Annotated[int, Meta(description="Quarantined events whose bytes go.")]
    holds: Annotated[list[str], Meta(description="Ids of legal holds in the way.")]
    entries: Annotated[list[int], Meta(description="Positions of the erase entries.")]


class HoldSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be held, from now on, however old it gets."""

    reason: _Basis
    ref: _Case = ""
    tenant: _TenantId = ""
    where: _Filter = ""
    everything: Annotated[
        bool, Meta(description="Hold all of the log; else `where` says what.")
    ] = False


class HoldShown(Struct, frozen=True, kw_only=True):
    """A legal hold."""

    id: str
    tenant: str
    where: Annotated[str, Meta(description="Its filter; empty: all of the log.")]
    reason: str
    ref: str
    set_at: Annotated[str, Meta(description="RFC 3339.")]
    released_at: Annotated[str, Meta(description="RFC 3339; empty while it holds.")]


class HoldsPage(Struct, frozen=True):
    """All holds of a log, released ones too, oldest first."""

    holds: list[HoldShown]


class RetentionSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which classes expire, each after how many days."""

    rules: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=512,
            description="Classes with a comma between; `=days` keeps one for longer than its"
            " floor.",
            examples=["access-24m, security-13m=500"],
        ),
    ]
    tenant: _TenantId = ""
    dry_run: Annotated[bool, Meta(description="Say what would go, and change nothing.")] = False


class ExpiryShown(Struct, frozen=True, kw_only=True):
    """What expired of one class, or would."""

    retention_class: str
    days: int
    records: Annotated[int, Meta(description="Records that go, with all their sections.")]
    held: Annotated[int, Meta(description="Records that a legal hold keeps.")]
    below: Annotated[int, Meta(description="They are all below this position.")]


class RetentionShown(Struct, frozen=True, kw_only=True):
    """What expired, or would, by class; a class of which nothing goes is left out."""

    tenant: str
    dry_run: bool
    classes: list[ExpiryShown]


class ErasureDoor:
    """Erases, holds, and lets expire."""

    def __init__(self, erasing: Erasing, holds: Holds, access: Access) -> None:
        self._erasing = erasing
        self._holds = holds
        self._access = access

    def erase(self, head: Head, peer_ip: str, sent: ErasureSent) -> ErasureShown:
        """Erase, or say what would go."""
        who = self._access.keeper(head, peer_ip, sent.tenant)
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
            return _erasure_shown(who, self._erasing.plan(request, who.caller), None)
        done = self._erasing.run(request, who.caller)
        return _erasure_shown(who, done.plan, [int(index) for index in done.entries])

    def holds(self, head: Head, peer_ip: str, tenant: str) -> HoldsPage:
        """All holds of a log. Their filters may name people: the look is told."""
        who = self._access.keeper(head, peer_ip, tenant)
        return HoldsPage([_hold_shown(hold) for hold in self._holds.show(who.tenant, who.caller)])

    def hold(self, head: Head, peer_ip: str, sent: HoldSent) -> HoldShown:
        """Set one."""
        who = self._access.keeper(head, peer_ip, sent.tenant)
        if bool(sent.where.strip()) == sent.everything:
            raise BadInputError(
                "a hold has a filter, or is for everything, not both", where="where"
            )
        return _hold_shown(
            self._holds.put(who.tenant, sent.where, sent.reason, sent.ref, who.caller)
        )

    def release(self, head: Head, peer_ip: str, hold_id: str, tenant: str) -> HoldShown:
        """End one; one that has ended stays as it is."""
        who = self._access.keeper(head, peer_ip, tenant)
        self._holds.release(who.tenant, hold_id, who.caller)
        found = [hold for hold in self._holds.list(who.tenant) if hold.id == hold_id]
        return _hold_shown(found[0])

    def retain(self, head: Head, peer_ip: str, sent: RetentionSent) -> RetentionShown:
        """Let expire, or say what would."""
        who = self._access.keeper(head, peer_ip, sent.tenant)
        rules = parse_rules(sent.rules)
        act = self._erasing.expiring if sent.dry_run else self._erasing.expire
        found = act(who.tenant, rules, who.caller)
        return RetentionShown(
            tenant=who.tenant, dry_run=sent.dry_run, classes=[_expiry_shown(one) for one in found]
        )


def _erasure_shown(who: Reader, plan: ErasePlan, entries: list[int] | None) -> ErasureShown:
    return ErasureShown(
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


def _hold_shown(hold: Hold) -> HoldShown:
    return HoldShown(
        id=hold.id,
        tenant=hold.log,
        where=hold.where,
        reason=hold.reason,
        ref=hold.reference,
        set_at=format_utc(hold.set_us),
        released_at=format_utc(hold.released_us) if hold.released_us else "",
    )


def _expiry_shown(one: Expiry) -> ExpiryShown:
    return ExpiryShown(
        retention_class=one.retention_class,
        days=one.days,
        records=len(one.records),
        held=one.held,
        below=int(one.min_index),
    )


def _head(request: Here, purpose: str) -> Head:
    head = read_head(request.scope["headers"])
    head.purpose = purpose
    return head


def erasure_routes(door: ErasureDoor, reads: Reads) -> list[HTTPRouteHandler]:
    """What goes."""

    @post(
        "/v1/erasures",
        status_code=200,
        operation_id="erase",
        summary="Erase sections of events",
        description="The commitments stay, so every earlier proof holds. When the reply comes, no"
        " byte of it is left in the store's files; backups keep what they had.",
        responses=problems(*_CODES, "filter_syntax", "held"),
        request_max_body_size=_BODY_BYTES_MAX,
        tags=["erasure"],
    )
    async def erase(
        request: Here, data: JSONBody[ErasureSent], purpose: Purpose = ""
    ) -> ErasureShown:
        return await reads.run(door.erase, _head(request, purpose), peer_of(request), data)

    @post(
        "/v1/retention",
        status_code=200,
        operation_id="expire",
        summary="Let records of some classes expire",
        description="In whole segments that are old enough; entries and proofs of them stay.",
        responses=problems(*_CODES),
        request_max_body_size=_BODY_BYTES_MAX,
        tags=["erasure"],
    )
    async def expire(
        request: Here, data: JSONBody[RetentionSent], purpose: Purpose = ""
    ) -> RetentionShown:
        return await reads.run(door.retain, _head(request, purpose), peer_of(request), data)

    return [erase, expire]


def hold_routes(door: ErasureDoor, reads: Reads) -> list[HTTPRouteHandler]:
    """What must stay."""

    @get(
        "/v1/holds",
        operation_id="holds",
        summary="Legal holds of a log",
        description="Released ones too, oldest first.",
        responses=problems(*READING),
        tags=["erasure"],
    )
    async def holds(request: Here, tenant: Tenant = "", purpose: Purpose = "") -> HoldsPage:
        return await reads.run(door.holds, _head(request, purpose), peer_of(request), tenant)

    @post(
        "/v1/holds",
        status_code=200,
        operation_id="set_hold",
        summary="Hold events against erasure and expiry",
        responses=problems(*_CODES, "filter_syntax"),
        request_max_body_size=_BODY_BYTES_MAX,
        tags=["erasure"],
    )
    async def set_hold(request: Here, data: JSONBody[HoldSent], purpose: Purpose = "") -> HoldShown:
        return await reads.run(door.hold, _head(request, purpose), peer_of(request), data)

    @post(
        "/v1/holds/{hold_id:str}/release",
        status_code=200,
        operation_id="release_hold",
        summary="End a legal hold",
        responses=problems(*READING),
        tags=["erasure"],
    )
    async def release_hold(
        request: Here, hold_id: _HoldId, tenant: Tenant = "", purpose: Purpose = ""
    ) -> HoldShown:
        head = _head(request, purpose)
        return await reads.run(door.release, head, peer_of(request), hold_id, tenant)

    return [holds, set_hold, release_hold]
