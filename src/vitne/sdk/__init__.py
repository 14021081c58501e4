"""What applications embed: record audit events without holding up the application.

from vitne.sdk import Client

audit = Client("https://audit.example", key, application="crm", service="crm-bff")
audit.record("crm.customer.viewed", actor="usr_77", target="customer/cus_90331")
"""

from vitne.sdk.client import Client
from vitne.sdk.delivery.event_item import Recorded
from vitne.sdk.delivery.receipts import KeptReceipt
from vitne.sdk.delivery.stats import Stats
from vitne.sdk.events.build import EventFields
from vitne.sdk.events.context import action, bind, incoming_action_id, outgoing_headers
from vitne.sdk.options import ClientOptions, Options
from vitne.sdk.web.middleware import AsgiMiddleware, WsgiMiddleware
from vitne.sdk.web.tokens import actor_from

__all__ = [
    "AsgiMiddleware",
    "Client",
    "ClientOptions",
    "EventFields",
    "KeptReceipt",
    "Options",
    "Recorded",
    "Stats",
    "WsgiMiddleware",
    "action",
    "actor_from",
    "bind",
    "incoming_action_id",
    "outgoing_headers",
]
