"""What tests of validation share: a context and a complete event."""

import copy
from typing import Any

import pytest

from vitne.core.event.intake import IntakeContext, SourceRegistration

NOW_US = 1_795_512_902_000_000  # 2026-11-24T09:35:02Z

_COMPLETE: dict[str, Any] = {
    "schema": "vitne.audit/1.0",
    "id": "01981f3e-7c1a-7d34-9b0e-5f4c2a9e1b77",
    "type": "crm.customer.viewed",
    "category": "view",
    "occurred_at": "2026-11-24T09:15:02.113Z",
    "outcome": {"result": "succeeded"},
    "tenant": {"id": "acme"},
    "client": {"ip": "203.0.113.42", "site": "store-0412"},
    "actor": {
        "type": "user",
        "id": "usr_77",
        "issuer": "https://id.vendor.example",
        "name": "Per Support",
        "party": "vendor",
        "tenant_id": "vendor",
        "roles": ["support-l2"],
        "unit": "support-north",
        "attribution": "token",
        "auth": {"method": "oidc", "mfa": True, "session_ref": "h:3f9a1c77"},
    },
    "on_behalf_of": {
        "type": "user",
        "id": "usr_55120",
        "tenant_id": "acme",
        "mode": "impersonation",
        "grant_ref": "CASE-9917",
        "approved_by": "usr_61",
    },
    "chain": [
        {"type": "service", "id": "svc-crm-bff", "hop": 1},
        {"type": "service", "id": "svc-customer", "hop": 2},
    ],
    "targets": [
        {
            "type": "customer",
            "id": "cus_90331",
            "name": "Ola N.",
            "role": "subject",
            "exposure": "full",
            "labels": ["pii"],
        }
    ],
    "purpose": {"code": "support_case", "reference": "CASE-9917", "declared_by": "user"},
    "source": {
        "application": "crm",
        "service": "crm-bff",
        "version": "7.14.2",
        "environment": "prod",
        "deployment": "saas",
    },
    "observed": {
        "role": "primary",
        "layer": "bff",
        "seen": "shown",
        "surface": "CustomerCard",
        "operation": "GET /customers/{id}",
    },
    "correlation": {
        "action_id": "01981f3e-7c19-7000-8000-000000000001",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    },
    "stream": {"id": "crm/crm-bff/pod-7c9f/01981e00", "seq": 18234, "sdk": "vitne-python/1.0"},
}


@pytest.fixture
def context() -> IntakeContext:
    """A key of the CRM, for one tenant."""
    return IntakeContext(
        now_us=NOW_US,
        registration=SourceRegistration("crm", "crm-bff", issuer="https://id.crm.example"),
        fresh=lambda count: b"\x07" * count,
        pseudonym=lambda tenant, plain: f"{tenant}-{len(plain)}",
        default_tenant="acme",
    )


@pytest.fixture
def complete() -> dict[str, Any]:
    """The full event of event-schema §2; change it as you like."""
    return copy.deepcopy(_COMPLETE)


@pytest.fixture
def ordinary(complete: dict[str, Any]) -> dict[str, Any]:
    """The same without what is rare: the quick way takes it."""
    for name in ("on_behalf_of", "chain"):
        del complete[name]
    return complete
