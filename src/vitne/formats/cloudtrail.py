"""AWS CloudTrail records as events.

The record is kept whole as the original; the event says who called what, with which outcome, on
which resources. A value that has no place (an address that is none, a float, a long document) is
not bent to fit: it stays in the original and is reported.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from vitne.core.event.rules import is_address
from vitne.formats.mapped import (
    Mapped,
    clip_text,
    event_id,
    refused_record,
    snake_case,
    type_part,
    utc_time,
    without_empty,
    wrong_type,
)

SOURCE: Final = "aws/cloudtrail"
_MAX_ACTOR, _MAX_TARGET_ID, _MAX_TARGET_TYPE, _MAX_TARGETS = 128, 256, 64, 100
_MAX_TYPE: Final = 100

_Object = Mapping[str, object]

_CREATES = ("Create", "Run", "Allocate", "Register", "Import", "Copy", "Add", "Restore")
_DELETES = ("Delete", "Terminate", "Remove", "Deregister", "Release", "Revoke", "Purge", "Schedule")
_EXECUTES = ("Start", "Stop", "Send", "Invoke", "Reboot", "Leave", "Execute", "End")
_DENIALS = ("Denied", "Unauthorized")
_NAMING = re.compile(r"([A-Za-z]+?)(?:Name|Id|Arn|ARN|Identifier)")
_NOT_NAMING = frozenset(
    (
        *("roleSessionName", "clientRequestToken", "versionId", "accountId"),
        *("parentId", "requestId", "availabilityZoneId", "dhcpOptionsId"),
        *("keyPairName", "externalId", "principalId"),
    )
)
_FILTERS = frozenset({"filterSet", "filters", "parameterFilters", "tagSet", "tagSpecificationSet"})
_SERVICES: Final = frozenset({"AWSService", "AWSAccount"})


def map_record(record: object, raw: str) -> Mapped:
    """One CloudTrail record as an event.

    Args:
        record: the parsed record.
        raw: its text, exactly as it stood in the file.
    """
    if not isinstance(record, Mapping):
        return wrong_type(raw, "a CloudTrail record", record)
    original_id = _text(record, "eventID")
    name, service = _text(record, "eventName"), _text(record, "eventSource")
    occurred_at = utc_time(_text(record, "eventTime"))
    if not original_id or not name or not service:
        return refused_record(
            raw, "missing", "$", "eventID, eventName and eventSource", "not all of them"
        )
    if occurred_at is None:
        return refused_record(raw, "bad_format", "$.eventTime", "a time like 2023-07-10T11:42:36Z")
    actor = _actor(_object(record, "userIdentity"))
    if actor is None:
        return refused_record(raw, "missing", "$.userIdentity", "an arn, a principal or a service")
    event = {
        "id": event_id(SOURCE, original_id),
        "type": _event_type(service, name),
        "category": _category(record, service, name),
        "occurred_at": occurred_at,
        "clock": {"sync": "unknown"},
        "actor": actor,
        "chain": _chain(record),
        "outcome": _outcome(record),
        "targets": _targets(record, name),
        "client": _client(record),
        "observed": {
            "role": "primary",
            "layer": "gateway",
            "seen": "fetched",
            "operation": clip_text(name, 256),
        },
        "source": {
            "application": "aws",
            "service": "cloudtrail",
            "component": clip_text(service, 128),
            "region": clip_text(_text(record, "awsRegion"), 64),
            "environment": "prod",
            "deployment": "saas",
        },
        "correlation": _correlation(record),
        "extra": {
            "account": clip_text(_text(record, "recipientAccountId"), 64),
            "event_type": clip_text(_text(record, "eventType"), 64),
        },
    }
    return Mapped(without_empty(event), raw, tuple(_unmapped(record)))


def _event_type(service: str, name: str) -> str:
    """`aws.<service>.<event name in snake case>`."""
    host = service.removesuffix(".amazonaws.com").removesuffix(".aws.internal")
    return f"aws.{type_part(host)}.{type_part(name)}"[:_MAX_TYPE].rstrip("_.")


def _category(record: _Object, service: str, name: str) -> str:
    if service.startswith("signin.") or name == "ConsoleLogin":
        return "authenticate"
    if record.get("readOnly") is True or record.get("readOnly") == "true":
        return "view"
    if service.startswith("iam."):
        return "authorize"
    for category, verbs in (("create", _CREATES), ("delete", _DELETES), ("execute", _EXECUTES)):
        if name.startswith(verbs):
            return category
    return "update"


def _actor(identity: _Object) -> dict[str, object] | None:
    """Who called: the arn, else the principal, else the service that AWS itself was."""
    arn, principal = _text(identity, "arn"), _text(identity, "principalId")
    invoker, kind = _text(identity, "invokedBy"), _text(identity, "type")
    known = [found for found in (arn, principal, invoker) if 0 < len(found) <= _MAX_ACTOR]
    if not known:
        account = _text(identity, "accountId")
        if not account:
            return None
        known = [account]
    human = bool(kind) and kind not in _SERVICES
    session = _object(identity, "sessionContext")
    role = _text(_object(session, "sessionIssuer"), "userName")
    return {
        "id": known[0],
        "type": "user" if human else "service",
        "issuer": "aws",
        "party": "tenant",
        "attribution": "asserted" if human else "none",
        "name": clip_text(_text(identity, "userName"), 200),
        "roles": [clip_text(role, 64)] if role else [],
        "auth": _auth(identity, session),
    }


def _auth(identity: _Object, session: _Object) -> dict[str, object]:
    attributes = _object(session, "attributes")
    mfa = _text(attributes, "mfaAuthenticated")
    return {
        "method": snake_case(_text(identity, "type"))[:64],
        "mfa": mfa == "true" if mfa in ("true", "false") else None,
        "credential_ref": clip_text(_text(identity, "accessKeyId"), 128),
        "at": utc_time(_text(attributes, "creationDate")),
    }


def _chain(record: _Object) -> list[dict[str, object]]:
    """The AWS service between the caller and the data, if one called for them."""
    identity = _object(record, "userIdentity")
    invoker = _text(identity, "invokedBy")
    if not invoker or not (_text(identity, "arn") or _text(identity, "principalId")):
        return []
    return [{"type": "service", "id": clip_text(invoker, 128), "hop": 1}]


def _outcome(record: _Object) -> dict[str, object]:
    code = _text(record, "errorCode")
    if not code and _text(_object(record, "responseElements"), "ConsoleLogin") == "Failure":
        code = "Unauthorized.ConsoleLogin"
    if not code:
        return {"result": "succeeded"}
    return {
        "result": "denied" if any(word in code for word in _DENIALS) else "failed",
        "code": ".".join(snake_case(part) for part in code.split("."))[:64],
        "reason": clip_text(_text(record, "errorMessage"), 512),
    }


def _targets(record: _Object, name: str) -> list[dict[str, object]]:
    """The resources that AWS lists, else what the names and ids of the request name."""
    found = list(_listed(record)) or list(_named(_object(record, "requestParameters"), name))
    exposure = "none" if _outcome(record)["result"] == "denied" else "full"
    made: list[dict[str, object]] = [
        {"type": kind, "id": identity, "role": "object", "exposure": exposure}
        for kind, identity in dict.fromkeys(found)
    ]
    return made[:_MAX_TARGETS]


def _listed(record: _Object) -> Iterator[tuple[str, str]]:
    resources = record.get("resources")
    for resource in resources if isinstance(resources, list) else ():
        if isinstance(resource, Mapping):
            arn = _text(resource, "ARN") or _text(resource, "arn")
            kind = "_".join(snake_case(p) for p in _text(resource, "type").split("::")[1:])
            if 0 < len(arn) <= _MAX_TARGET_ID:
                yield (kind or _kind_of_arn(arn))[:_MAX_TARGET_TYPE], arn


def _named(parameters: _Object, name: str) -> Iterator[tuple[str, str]]:
    for key, value in parameters.items():
        if isinstance(value, Mapping) and isinstance(value.get("items"), list):
            if key not in _FILTERS:  # they say what to look for, not what was touched
                for item in value["items"]:
                    yield from _named(item if isinstance(item, Mapping) else {}, "")
        elif isinstance(value, str) and 0 < len(value) <= _MAX_TARGET_ID and value.isprintable():
            kind = _kind_of_key(key, name, _text(parameters, "resourceType"))
            if kind:
                yield kind[:_MAX_TARGET_TYPE], value


def _kind_of_key(key: str, name: str, resource_type: str) -> str:
    """What a request parameter names: `roleName` a role, `name` what the call is about."""
    if key in _NOT_NAMING:
        return ""
    if key == "resourceId":
        return snake_case(resource_type) or "resource"
    if key in ("name", "id", "arn"):
        noun = re.sub(r"^[A-Z][a-z]+", "", name)
        return snake_case(re.sub(r"\d{8}(v\d+)?$", "", noun))
    match = _NAMING.fullmatch(key)
    return snake_case(re.sub("^dB", "DB", match[1])) if match else ""


def _kind_of_arn(arn: str) -> str:
    """`arn:aws:s3:::bucket` → `s3`, `arn:aws:iam::1:role/x` → `iam_role`."""
    parts = arn.split(":", 5)
    service = parts[2] if len(parts) > 2 else ""  # noqa: PLR2004  # arn:partition:service
    rest = parts[5] if len(parts) > 5 else ""  # noqa: PLR2004  # …:region:account:resource
    kind = re.split("[/:]", rest)[0] if re.search("[/:]", rest) else ""
    return "_".join(filter(None, (snake_case(service), snake_case(kind)))) or "resource"


def _client(record: _Object) -> dict[str, object]:
    address = _text(record, "sourceIPAddress")
    return {
        "ip": address if is_address(address) else "",
        "user_agent": clip_text(_text(record, "userAgent"), 512),
    }


def _correlation(record: _Object) -> dict[str, object]:
    shared = _text(record, "sharedEventID")
    return {
        "action_id": event_id(f"{SOURCE}/shared", shared) if shared else "",
        "request_id": clip_text(_text(record, "requestID"), 128),
    }


_PLACED = frozenset(
    (
        *("awsRegion", "errorCode", "errorMessage", "eventID", "eventName"),
        *("eventSource", "eventTime", "eventType", "readOnly", "recipientAccountId"),
        *("requestID", "sharedEventID", "userAgent"),
    )
)
_PLACED_IDENTITY = frozenset({"accessKeyId", "arn", "invokedBy", "principalId", "type", "userName"})


def _unmapped(record: _Object) -> Iterator[str]:
    for name, value in record.items():
        if name in _PLACED or value in (None, "", {}, []):
            continue
        if name == "userIdentity":
            parts = value if isinstance(value, Mapping) else {}
            yield from (f"userIdentity.{p}" for p in parts if p not in _PLACED_IDENTITY)
        elif name == "sourceIPAddress":
            if not is_address(str(value)):
                yield "sourceIPAddress (no address)"
        elif name != "resources":
            yield name


def _object(record: _Object, name: str) -> _Object:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(record: _Object, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
