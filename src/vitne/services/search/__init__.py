"""Searching and showing records, over recent rows and sealed segments alike.

`search` makes a page and its totals, `cursor` lets the next page continue at the same position,
`histogram` counts per interval. `show` gives one record with its proof.
"""

from vitne.services.search.found_event import found_event
from vitne.services.search.search import (
    FACETS_MAX,
    PAGE_EVENTS_MAX,
    Search,
    SearchRequest,
)
from vitne.services.search.show import Show, ShownRecord
