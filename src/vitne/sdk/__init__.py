"""What applications embed: record audit events without holding up the application.

from vitne.sdk import Client

audit = Client("https://audit.example", key, application="crm", service="crm-bff")
audit.record("crm.customer.viewed", actor="usr_77", target="customer/cus_90331")
"""

from vitne.sdk.client import Client
from vitne.sdk.context import action, bind, incoming_action_id, outgoing_headers
from vitne.sdk.fields import EventFields
from vitne.sdk.items import Recorded
from vitne.sdk.middleware import AsgiMiddleware, WsgiMiddleware
from vitne.sdk.options import ClientOptions, Options
from vitne.sdk.receipts import Kept as KeptReceipt
from vitne.sdk.tally import Stats
from vitne.sdk.tokens import actor_from

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
