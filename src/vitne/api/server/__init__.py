"""The HTTP server below the routes: protocol, bodies, access, replies and problems.

`server` runs uvicorn with our protocol, `access` finds the key and who acts, `problems` maps errors
to status codes.
"""

from vitne.api.server.access import HEADS, Access, Head, Reader, RequestHead, Tenant, read_head
from vitne.api.server.bodies import ClientGoneError, read_body, unpack
from vitne.api.server.metrics import CONTENT_TYPE, Meters
from vitne.api.server.problems import KINDS, TYPE_PREFIX, bare_problem, kind_of, problem
from vitne.api.server.program_log import LOG, start_log
from vitne.api.server.protocol import Bounds
from vitne.api.server.responses import (
    PROBLEM,
    Header,
    Here,
    HttpReply,
    Reads,
    always,
    document,
    respond,
    send_reply,
)
from vitne.api.server.server import bounds_of, listen, serve_http
