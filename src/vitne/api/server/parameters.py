"""Query parameters that a resource does not take are refused: a misspelt filter would find all."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from vitne.errors import BadInputError

_NAME_CHARS_MAX: Final = 40
_FREE_TAG: Final = "operations"
"""Load balancers and scrapers put parameters of their own on these."""


_ALIKE: Final = 0.75
"""How alike two names are, from 0 to 1, for one to be suggested for the other."""


class KnownParameters:
    """A guard of all resources; knows what each takes from the OpenAPI document."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[str, ...]] = {}

    def learn(self, document: Mapping[str, Any]) -> None:
        """Take the names from the document, by operation."""
        for path in document["paths"].values():
            for operation in path.values():
                if _FREE_TAG not in operation.get("tags", ()):
                    told = operation.get("parameters", ())
                    names = tuple(one["name"] for one in told if one["in"] == "query")
                    self._of[operation["operationId"]] = names

    def __call__(
        self, connection: "ASGIConnection[Any, Any, Any, Any]", handler: BaseRouteHandler
    ) -> None:
        """Refuse a request.

        Raises:
            BadInputError: it has a parameter that its resource does not take.
        """
        if connection.scope["query_string"]:
            known = self._of.get(getattr(handler, "operation_id", "") or "")
            if known is not None:
                refuse_unknown(connection.query_params.keys(), known)


def refuse_unknown(given: Iterable[str], known: tuple[str, ...]) -> None:
    """Raise `BadInputError` for the first name that is not known, with the nearest that is."""
    for name in given:
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
        hint = f"it takes: {', '.join(known)}" if known else "it takes none"
        raise BadInputError(
            "the resource takes no such query parameter",
            where=name[:_NAME_CHARS_MAX],
            hint=f"did you mean `{near[0]}`?" if near else hint,
        )
