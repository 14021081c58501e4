"""Query parameters that a resource does not take."""

from typing import Any

import pytest

ID = "0190a000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("/v1/events?limitt=5", "limitt", "did you mean `limit`?"),
        ("/v1/events?q=actor:usr_1&facet=type", "facet", "did you mean `facets`?"),
        ("/v1/events?zzz", "zzz", "it takes: q, tenant, cursor, limit, facets, histogram, count"),
        (f"/v1/events/{ID}?tennant=acme", "tennant", "did you mean `tenant`?"),
        (f"/v1/events/{ID}/proof?from=tlog", "from", "did you mean `form`?"),
        ("/v1/tenants?tenant=acme", "tenant", "it takes none"),
        ("/log/acme/checkpoint?tenant=acme", "tenant", "it takes none"),
    ],
)
def test_a_misspelt_parameter_is_refused_with_the_nearest_one(
    served: Any, path: str, name: str, hint: str
) -> None:
    """It was passed over, and a search for one person showed everybody."""
    with served.client() as client:
        reply = client.get(path)

    told = reply.json()
    assert (reply.status_code, told["code"]) == (400, "bad_input")
    assert told["where"] == name
    assert hint in told["hint"]


def test_taking_events_takes_no_parameters(served: Any, minimal: dict[str, Any]) -> None:
    with served.client() as client:
        reply = client.post("/v1/events?tenant=acme", json=minimal)

    assert (reply.status_code, reply.json()["where"]) == (400, "tenant")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_and_scrapers_may_bring_parameters_of_their_own(served: Any, path: str) -> None:
    with served.client() as client:
        assert client.get(f"{path}?probe=1").status_code == 200


def test_the_refusal_stands_in_the_openapi_document(served: Any) -> None:
    with served.client() as client:
        document = client.get("/schema/openapi.json").json()

    assert (
        "query parameter that a resource does not take is refused"
        in (document["info"]["description"])
    )
    taking = [
        one["get"]["responses"]
        for path, one in document["paths"].items()
        if path.startswith(("/v1", "/log")) and "get" in one
    ]
    assert all("bad_input" in responses["400"]["description"] for responses in taking)
