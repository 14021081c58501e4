"""The page that verifies evidence in a browser, as a server hands it out."""

from typing import Any


def test_the_verifier_is_served_to_anybody_under_its_own_policy(served: Any) -> None:
    with served.client() as client:
        reply = client.get("/verifier.html", headers={"authorization": ""})

    (policy,) = reply.headers.get_list("content-security-policy")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy
    assert policy.removesuffix("; frame-ancestors 'none'") in reply.text
