"""The category of an event type that no catalog declares: from the verb at its end.

The one place where the category of a type is decided; a catalog will be asked here first.
"""

import re
from functools import lru_cache

_TYPE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){2,4}")
MAX_TYPE_CHARS = 100

_VERBS = {
    "view": "viewed opened read displayed shown listed accessed fetched previewed inspected got",
    "search": "searched looked_up filtered queried found",
    "export": "exported downloaded printed copied emailed mailed_out",
    "import": "imported uploaded ingested",
    "create": "created added registered inserted submitted posted",
    "update": "updated changed modified edited saved renamed moved merged set put corrected",
    "delete": "deleted removed erased cancelled purged destroyed",
    "approve": "approved rejected declined",
    "share": "shared unshared published",
    "authenticate": "signed_in signed_out logged_in logged_out authenticated locked_out",
    "authorize": "granted revoked deactivated reactivated suspended",
    "configure": "configured enabled disabled",
    "impersonate": "impersonated checked_out",
}
_CATEGORY_OF = {verb: category for category, verbs in _VERBS.items() for verb in verbs.split()}
_RESERVED = {"audit": "audit", "system": "system"}


@lru_cache(maxsize=4096)
def category_of(event_type: str) -> str | None:
    """The category to fill in; None if the type is not of the form `application.entity.verb`."""
    if len(event_type) > MAX_TYPE_CHARS or not _TYPE.fullmatch(event_type):
        return None
    first, *_, verb = event_type.split(".")
    return _RESERVED.get(first) or _CATEGORY_OF.get(verb, "execute")


def is_reserved(event_type: str) -> bool:
    """Whether only Vitne itself may send the type; statistics of streams come from senders, too."""
    if not event_type.startswith(("audit.", "system.")):
        return False
    return not event_type.startswith("system.stream.")
