"""The human behind a verified token (event-schema §4.2, RFC 8693 `act`)."""

from collections.abc import Callable, Mapping
from typing import cast

from vitne.sdk.events.build import EventFields, Object

Claims = Mapping[str, object]

_MAX_CHAIN = 8


def looks_human(claims: Claims) -> bool:
    """Whether a token or an `act` entry names a person: the default of `actor_from`.

    A token that a service got for itself has its client id as subject (RFC 9068 §2.2).
    """
    subject = str(claims.get("sub", ""))
    own = claims.get("client_id", claims.get("azp"))
    return bool(subject) and subject != own and not subject.startswith(("svc-", "svc_", "service-"))


def actor_from(
    claims: Claims,
    *,
    is_human: Callable[[Claims], bool] = looks_human,
    tenant_claim: str = "tenant",
) -> EventFields:
    """Fields to `bind` from the claims of a token that was **verified before**.

    The first human among the actors, oldest first, is the actor; if the subject is another
    human, the actor acts on that one's behalf. Without one the subject is the actor and all
    others are the chain. Without any human the oldest service acts, attribution `none`.

    Args:
        claims: the token's claims.
        is_human: tells people from services, for the subject and for each `act` entry.
        tenant_claim: claim with the person's home tenant.

    Raises:
        TypeError: an `act` claim that is no object.
    """
    actors = _actors(claims)
    human = next((entry for entry in actors if is_human(entry)), None)
    fields = EventFields()
    if human is not None:
        others = [entry for entry in actors if entry is not human]
        fields["actor"] = _person(human, claims, tenant_claim, "token")
        if is_human(claims) and claims.get("sub") != human.get("sub"):
            fields["on_behalf_of"] = _behalf(claims, tenant_claim)
    elif is_human(claims):
        others = actors
        fields["actor"] = _person(claims, claims, tenant_claim, "token")
    else:
        first, *others = [*actors, claims]
        person = _person(first, claims, tenant_claim, "none")
        fields["actor"] = {**person, "type": "service"}
    if others:
        fields["chain"] = [
            {"type": "service", "id": str(entry.get("sub", "")), "hop": hop}
            for hop, entry in enumerate(others[:_MAX_CHAIN], 1)
        ]
    return fields


def _actors(claims: Claims) -> list[Claims]:
    """The nested `act` entries, oldest (deepest) first."""
    found: list[Claims] = []
    entry = claims.get("act")
    while entry is not None:
        if not isinstance(entry, Mapping):
            raise TypeError("the claim `act` of a token is an object (RFC 8693 §4.1)")
        found.append(entry)
        entry = entry.get("act")
    return found[::-1]


def _person(entry: Claims, token: Claims, tenant_claim: str, attribution: str) -> Object:
    auth = {
        "method": "oidc",
        "idp": token.get("iss"),
        "credential_ref": token.get("jti"),
        "mfa": "mfa" in cast("list[str]", token["amr"]) if "amr" in token else None,
    }
    person = {
        "type": "user",
        "id": str(entry.get("sub", "")),
        "issuer": entry.get("iss", token.get("iss")),
        "name": entry.get("name"),
        "tenant_id": entry.get(tenant_claim),
        "attribution": attribution,
        "auth": {name: value for name, value in auth.items() if value is not None},
    }
    return cast(Object, {name: value for name, value in person.items() if value})


def _behalf(claims: Claims, tenant_claim: str) -> Object:
    behalf = {
        "type": "user",
        "id": claims.get("sub"),
        "name": claims.get("name"),
        "tenant_id": claims.get(tenant_claim),
        "mode": "impersonation",
    }
    return cast(Object, {name: value for name, value in behalf.items() if value})
