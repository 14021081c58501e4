"""The resource of a witness, straight on ASGI (C2SP tlog-witness).

    POST /add-checkpoint                        cosign a head
    GET  /<hex SHA-256(origin)>/checkpoint      the newest cosigned head of a log
    GET  /<hex SHA-256(origin)>/forks           evidence against it, as JSON
    GET  /healthz                               the process answers

There is no secret behind it and nobody is asked who they are: a request is its log's signature.
"""

import asyncio
import logging
import re
from concurrent.futures import Executor
from typing import Final

from litestar.types import HTTPScope, Receive, Send

from vitne.api.server import ClientGoneError, HttpReply, document, read_body, send_reply
from vitne.core.tree.witness import MAX_BODY_BYTES, SIZE_TYPE, Refused
from vitne.errors import BadInputError, SlowBodyError, TooLargeError, VitneError
from vitne.services.trust import WitnessService

_LOG: Final = logging.getLogger("vitne.witness")
_TEXT: Final = b"text/plain; charset=utf-8"
_SHOWN: Final = re.compile("/([0-9a-f]{64})/(checkpoint|forks)", re.ASCII)
_BODY_TIMEOUT_S: Final = 10


class WitnessResource:
    """ASGI: `http` only."""

    def __init__(self, desk: WitnessService, workers: Executor) -> None:
        self._desk = desk
        self._workers = workers

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            reply = await self._answer(scope, receive)
        except ClientGoneError:
            return
        except TooLargeError:
            reply = _text(413, "a request has at most 256 KiB")
        except SlowBodyError as error:
            reply = _text(408, error.message)
        except BadInputError as error:
            reply = _text(400, error.message)
        except VitneError as error:
            _LOG.error("a request failed: %s: %s", error.code, error)
            reply = _text(503, "nothing was stored; try again later")
        except Exception:  # noqa: BLE001  # whatever it is, the client gets an answer
            _LOG.exception("a request failed")
            reply = _text(500, "internal error")
        await send_reply(reply, send)

    async def _answer(self, scope: HTTPScope, receive: Receive) -> HttpReply:
        path, method = scope["path"], scope["method"]
        if path == "/add-checkpoint":
            if method != "POST":
                return HttpReply(405, b"expected POST\n", _TEXT, ((b"allow", b"POST"),))
            return await self._add(scope, receive)
        if method not in {"GET", "HEAD"}:
            return HttpReply(405, b"expected GET\n", _TEXT, ((b"allow", b"GET"),))
        if path == "/healthz":
            return _text(200, "alive")
        found = _SHOWN.fullmatch(path)
        if found is None:
            return _text(404, "there is nothing here")
        show = self._checkpoint if found[2] == "checkpoint" else self._forks
        return await asyncio.get_running_loop().run_in_executor(self._workers, show, found[1])

    async def _add(self, scope: HTTPScope, receive: Receive) -> HttpReply:
        declared = dict(scope["headers"]).get(b"content-length")
        if declared is not None and declared.isdigit() and len(declared) > len(str(MAX_BODY_BYTES)):
            return _text(413, "a request has at most 256 KiB")
        body = await read_body(receive, declared, _BODY_TIMEOUT_S)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._workers, self._desk.add, body)
        if not isinstance(found, Refused):
            return HttpReply(200, found.encode(), _TEXT)
        if found.fork is not None:
            _LOG.error("a log signed heads that do not agree: %s", found.fork.other.split("\n")[0])
        kind = _TEXT if found.size is None else SIZE_TYPE.encode()
        return HttpReply(found.status, found.body.encode(), kind)

    def _checkpoint(self, origin_hash: str) -> HttpReply:
        note = self._desk.newest(origin_hash)
        if note is None:
            return _text(404, "unknown log, or no head yet")
        return HttpReply(200, note.encode(), _TEXT, ((b"cache-control", b"no-cache"),))

    def _forks(self, origin_hash: str) -> HttpReply:
        found = self._desk.forks(origin_hash)
        return _text(404, "unknown log") if found is None else document({"forks": found})


def _text(status: int, text: str) -> HttpReply:
    return HttpReply(status, f"{text}\n".encode(), _TEXT)
