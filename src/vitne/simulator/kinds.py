"""The event types of the vendor's applications, with what never changes in events of a type.

Names and categories are those of the example catalog (event-schema §7).
"""

from msgspec import Struct

from vitne.core.event.schema import SCHEMA

Event = dict[str, object]

DAY_OF_FLAKINESS = 2
"""Weekday (Wednesday) on which the flaky source loses its connection."""


class Service(Struct, frozen=True):
    """One program that sends: a source of the log."""

    application: str
    service: str
    layer: str
    version: str
    instance: str
    flaky: bool = False

    @property
    def id(self) -> str:
        """The source's id in the log, `application/service`."""
        return f"{self.application}/{self.service}"

    @property
    def source(self) -> Event:
        """As its events name it."""
        return {
            "application": self.application,
            "service": self.service,
            "version": self.version,
            "environment": "prod",
            "deployment": "saas",
            "instance": self.instance,
        }


SERVICES = {
    "design": Service("design", "design-app", "bff", "12.4.1", "design-0"),
    "pos": Service("pos", "pos-server", "bff", "5.9.0", "pos-0"),
    "order": Service("order", "order-service", "bff", "3.22.7", "order-0"),
    "erp": Service("erp", "erp-core", "bff", "2026.11", "erp-0"),
    "crm": Service("crm", "crm-bff", "bff", "7.14.2", "crm-0"),
    "customer": Service("crm", "customer-service", "joint_service", "4.3.0", "customer-0"),
    "pim": Service("pim", "pim-app", "bff", "1.8.3", "pim-0", flaky=True),
    "identity": Service("identity", "idp", "bff", "9.1.0", "idp-0"),
    "support": Service("support", "support-console", "bff", "2.0.5", "support-0"),
}
"""Every source by the short name that this room uses."""

_TYPES: tuple[tuple[str, str, str, str, str], ...] = (
    # service, type, category, surface, operation
    ("design", "design.project.opened", "view", "ProjectView", "GET /projects/{id}"),
    ("design", "design.project.saved", "update", "ProjectView", "PUT /projects/{id}"),
    ("design", "design.project.shared", "share", "ShareDialog", "POST /projects/{id}/shares"),
    ("design", "design.project.deleted", "delete", "ProjectList", "DELETE /projects/{id}"),
    ("design", "design.drawing.exported", "export", "PrintDialog", "POST /projects/{id}/pdf"),
    ("design", "design.quote.priced", "execute", "QuotePanel", "POST /projects/{id}/price"),
    ("pos", "pos.operator.switched", "authenticate", "TillLock", "POST /tills/{id}/operator"),
    ("pos", "pos.customer.looked_up", "search", "TillCustomer", "GET /customers?phone"),
    ("pos", "pos.price.overridden", "execute", "TillSale", "POST /sales/{id}/lines/{n}/price"),
    ("pos", "pos.sale.voided", "execute", "TillSale", "DELETE /sales/{id}"),
    ("pos", "pos.sale.refunded", "execute", "TillRefund", "POST /sales/{id}/refunds"),
    ("pos", "pos.drawer.opened_no_sale", "execute", "TillDrawer", "POST /tills/{id}/drawer"),
    ("pos", "pos.report.printed", "export", "TillReport", "POST /tills/{id}/reports"),
    ("order", "order.order.searched", "search", "OrderSearch", "GET /orders"),
    ("order", "order.order.viewed", "view", "OrderCard", "GET /orders/{id}"),
    ("order", "order.order.created", "create", "OrderWizard", "POST /orders"),
    ("order", "order.order.cancelled", "delete", "OrderCard", "DELETE /orders/{id}"),
    ("order", "order.discount.approved", "approve", "ApprovalInbox", "POST /approvals/{id}"),
    ("order", "order.delivery_address.changed", "update", "OrderCard", "PUT /orders/{id}/address"),
    ("order", "order.payment_terms.changed", "update", "OrderTerms", "PUT /orders/{id}/terms"),
    ("erp", "erp.production_order.released", "execute", "Planning", "POST /production/{id}"),
    ("erp", "erp.bom.changed", "update", "BomEditor", "PUT /boms/{id}"),
    ("erp", "erp.cost_price.viewed", "view", "CostPrices", "GET /products/{id}/cost"),
    ("erp", "erp.supplier_bank.changed", "update", "SupplierBank", "PUT /suppliers/{id}/bank"),
    ("erp", "erp.stock.adjusted", "execute", "StockCount", "POST /stock/{id}/adjustments"),
    ("erp", "erp.report.exported", "export", "Reports", "POST /reports/{name}"),
    ("crm", "crm.customer.searched", "search", "CustomerSearch", "GET /customers"),
    ("crm", "crm.customer.viewed", "view", "CustomerCard", "GET /customers/{id}"),
    ("crm", "crm.customer.updated", "update", "CustomerCard", "PATCH /customers/{id}"),
    ("crm", "crm.customer.merged", "execute", "MergeDialog", "POST /customers/{id}/merge"),
    ("crm", "crm.customer.exported", "export", "ExportDialog", "POST /customers/export"),
    ("crm", "crm.customer.erased", "delete", "EraseDialog", "DELETE /customers/{id}"),
    ("crm", "crm.consent.changed", "update", "Consents", "PUT /customers/{id}/consents"),
    ("pim", "pim.price_list.published", "execute", "PriceLists", "POST /price-lists/{id}"),
    ("pim", "pim.product.changed", "update", "ProductEditor", "PUT /products/{id}"),
    ("pim", "pim.feed.imported", "import", "Feeds", "POST /feeds/{id}"),
    ("pim", "pim.supplier_terms.viewed", "view", "SupplierTerms", "GET /suppliers/{id}/terms"),
    ("identity", "identity.user.signed_in", "authenticate", "SignIn", "POST /token"),
    ("identity", "identity.user.created", "authorize", "Users", "POST /users"),
    ("identity", "identity.user.deactivated", "authorize", "Users", "DELETE /users/{id}"),
    ("identity", "identity.role.granted", "authorize", "Roles", "PUT /users/{id}/roles/{role}"),
    ("identity", "identity.role.revoked", "authorize", "Roles", "DELETE /users/{id}/roles/{role}"),
    ("identity", "identity.mfa.reset", "authorize", "Users", "DELETE /users/{id}/mfa"),
    ("identity", "identity.api_key.created", "authorize", "ApiKeys", "POST /api-keys"),
    ("identity", "identity.api_key.revoked", "authorize", "ApiKeys", "DELETE /api-keys/{id}"),
    ("identity", "identity.service_account.checked_out", "impersonate", "Vault", "POST /checkouts"),
    ("support", "support.impersonation.requested", "impersonate", "Requests", "POST /grants"),
    ("support", "support.impersonation.approved", "approve", "Requests", "PUT /grants/{id}"),
    ("support", "support.impersonation.started", "impersonate", "Console", "POST /sessions"),
    ("support", "support.impersonation.ended", "impersonate", "Console", "DELETE /sessions/{id}"),
    ("support", "support.tenant_data.viewed", "view", "TenantData", "GET /tenants/{id}/{entity}"),
    ("support", "support.db_query.run", "execute", "DbConsole", "POST /queries"),
)

_LEVELS = {
    "erp.cost_price.viewed": "restricted",
    "erp.supplier_bank.changed": "restricted",
    "crm.customer.exported": "restricted",
    "crm.customer.erased": "restricted",
    "support.db_query.run": "restricted",
    "pim.supplier_terms.viewed": "confidential",
}
_PERSONAL = ("crm.", "support.", "order.delivery_address.")


class EventKind(Struct, frozen=True):
    """One event type as one service sends it."""

    service: str
    base: Event
    """What every such event has; never changed, so that events may share it."""


def _kind(service: str, event_type: str, category: str, surface: str, operation: str) -> EventKind:
    sender = SERVICES[service]
    joint = sender.layer == "joint_service"
    base: Event = {
        "schema": SCHEMA,
        "type": event_type,
        "category": category,
        "clock": {"sync": "ntp"},
        "source": sender.source,
        "observed": {
            "role": "backstop" if joint else "primary",
            "layer": sender.layer,
            "seen": "fetched" if joint else "shown",
            **({"surface": surface} if surface else {}),
            "operation": operation,
        },
    }
    level = _LEVELS.get(event_type) or ("confidential" if event_type.startswith(_PERSONAL) else "")
    if level:
        base["sensitivity"] = {"level": level}
    return EventKind(service, base)


KINDS = {event_type: _kind(service, event_type, *rest) for service, event_type, *rest in _TYPES}
"""Every type as its own application sends it."""

BACKSTOPS = {
    event_type: _kind("customer", event_type, category, "", operation)
    for service, event_type, category, _, operation in _TYPES
    if service == "crm" and category in ("view", "update", "export")
}
"""The same acts as the joint customer service tells them, beside the primary event."""
