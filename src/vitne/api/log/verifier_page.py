"""`/verifier.html`: the verifier of evidence that runs in a browser, for whoever opens it."""

import re
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from vitne.api.openapi.problems import body
from vitne.api.server import Header, HttpReply, respond
from vitne.evidence.browser import read_verifier_page

_POLICY: Final = re.compile(rb'http-equiv="Content-Security-Policy" content="([^"]+)"')
_HTML: Final = b"text/html; charset=utf-8"


def verifier_page() -> HttpReply:
    """The page of the package, with the policy that it states itself as a header too."""
    page = read_verifier_page()
    stated = _POLICY.search(page)
    own = b"default-src 'none'" if stated is None else stated.group(1)
    policy: Header = (b"content-security-policy", own + b"; frame-ancestors 'none'")
    return HttpReply(200, page, _HTML, (policy, (b"cache-control", b"no-cache")))


def verifier_routes() -> list[HTTPRouteHandler]:
    """The one page; anybody may have it, since it holds nothing of any log."""
    reply = verifier_page()

    @get(
        "/verifier.html",
        operation_id="verifier",
        summary="Verifier of evidence bundles, for a browser",
        description="One HTML file that checks a bundle on the reader's computer, without network.",
        responses={200: body(str, "text/html", "The page.")},
        media_type="text/html",
        tags=["operations"],
    )
    async def verifier() -> Response[bytes]:
        return respond(reply)

    return [verifier]
