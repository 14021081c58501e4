"""`GET /v1/events`: search, newest first by log order, once the search itself is logged."""

from typing import Annotated, Literal

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from msgspec.structs import replace

from vitne.api.openapi.problems import READING, problems
from vitne.api.server import Access, Head, Reads, RequestHead, Tenant
from vitne.core.values import LogId
from vitne.services.access import LoggedReads
from vitne.services.search import (
    FACETS_MAX,
    PAGE_EVENTS_MAX,
    Search,
    SearchRequest,
)
from vitne.wire.search import SearchReply

_BUCKETS_MAX = 200


class SearchResource:
    """Searches one log."""

    def __init__(self, search: Search, access: Access, reading: LoggedReads) -> None:
        self._search = search
        self._access = access
        self._reading = reading

    def page(self, head: RequestHead, wanted: SearchRequest) -> SearchReply:
        """One page; durable as an event before the reader has it.

        Args:
            head: of the request.
            wanted: of the log that the request names; of the key's only one, if it names none.
        """
        reader = self._access.reader(head, wanted.log)
        found = self._search.run(replace(wanted, log=reader.tenant))
        self._reading.searched(
            reader.caller,
            reader.tenant,
            wanted.text,
            shown=[event.id for event in found.events],
            total=len(found.events) if found.total is None else found.total,
            page_size=wanted.limit,
        )
        return found


Query = Annotated[
    str,
    QueryParameter(
        description='The filter: `actor:usr_77 type:crm.customer.* since:7d "smith"`; empty: all.',
        max_length=8192,
    ),
]
Cursor = Annotated[str, QueryParameter(description="`next` of the page before.", max_length=200)]
Limit = Annotated[int, QueryParameter(description="Events on a page.", ge=1, le=PAGE_EVENTS_MAX)]
Facets = Annotated[
    list[str] | None,
    QueryParameter(
        description=f"Fields whose commonest values are counted, at most {FACETS_MAX}; given"
        " again, or with commas between.",
        max_items=20,
        required=False,
    ),
]
BarsMax = Annotated[
    int,
    QueryParameter(description="At most so many bars over time; 0: none.", ge=0, le=_BUCKETS_MAX),
]
Count = Annotated[
    Literal["cheap", "exact", "none"],
    QueryParameter(description="Whether to count all matches where that is not cheap."),
]


def finding_routes(resource: SearchResource, reads: Reads) -> list[HTTPRouteHandler]:
    """The search."""

    @get(
        "/v1/events",
        operation_id="search_events",
        summary="Search events",
        description="Newest first by log order. The search is itself an event of the log. A"
        " parameter that is not one of these is refused: a misspelt one would find too much.",
        responses=problems(*READING, "filter_syntax", "bad_cursor", "too_large"),
        tags=["events"],
    )
    async def search(  # noqa: PLR0913, PLR0917  # the parameters of the resource
        reader_head: Head,
        q: Query = "",
        tenant: Tenant = "",
        cursor: Cursor = "",
        limit: Limit = 50,
        facets: Facets = None,
        histogram: BarsMax = 0,
        count: Count = "cheap",
    ) -> SearchReply:
        names = tuple(name.strip() for name in ",".join(facets or ()).split(",") if name.strip())
        wanted = SearchRequest(LogId(tenant), q, limit, cursor, names, histogram, count)
        return await reads.run(resource.page, reader_head, wanted)

    return [search]
