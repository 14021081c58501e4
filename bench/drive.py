"""Clients of the benchmarks: plain sockets, so that they take little of the two cores."""

import http.client
import json
import queue
import selectors
import socket
import threading
import time
from collections.abc import Iterable

from msgspec import Struct

from bench.server import Server


class Driven(Struct):
    """What a run of requests came to."""

    events: int
    requests: int
    seconds: float
    bytes_sent: int
    latencies_s: list[float]
    not_accepted: int

    @property
    def rate(self) -> float:
        """Events acknowledged a second."""
        return self.events / self.seconds


def bulk(server: Server, bodies: Iterable[bytes], connections: int = 4) -> Driven:
    """Send every body once, each acknowledged before the next on its connection."""
    waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=64)
    total = Driven(0, 0, 0.0, 0, [], 0)
    lock = threading.Lock()
    failures: list[dict[str, object]] = []

    def run() -> None:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        headers = {
            "Authorization": f"Bearer {server.write_key}",
            "Content-Type": "application/json",
        }
        while (body := waiting.get()) is not None:
            started = time.perf_counter()
            client.request("POST", "/v1/events", body, headers)
            reply = json.loads(client.getresponse().read())
            took_s = time.perf_counter() - started
            with lock:
                total.requests += 1
                total.bytes_sent += len(body)
                total.latencies_s.append(took_s)
                total.events += reply.get("accepted", 0)
                total.not_accepted += len(reply.get("results", ())) - reply.get("accepted", 0)
                if "accepted" not in reply:
                    failures.append(reply)
        client.close()

    threads = [threading.Thread(target=run) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for body in bodies:
        waiting.put(body)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    total.seconds = time.perf_counter() - started
    if failures:
        raise SystemExit(f"bench: {len(failures)} requests failed, the first: {failures[0]}")
    return total


def singles(server: Server, bodies: Iterable[bytes], connections: int = 32) -> Driven:
    """Send every body in a request of its own over `connections`, one in flight on each."""
    share = list(bodies)
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {server.write_key}\r\nContent-Type: application/json\r\n"
    ).encode()
    requests = [head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body for body in share]
    latencies: list[float] = []
    good = 0
    sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(connections)]
    selector = selectors.DefaultSelector()
    sent_at: dict[socket.socket, float] = {}
    pending = iter(requests)
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(one, selectors.EVENT_READ)
    by_number = {one.fileno(): one for one in sockets}
    buffers: dict[socket.socket, bytes] = {}
    started = time.perf_counter()
    busy = 0
    for one in sockets:
        if (request := next(pending, None)) is not None:
            sent_at[one] = time.perf_counter()
            one.sendall(request)
            busy += 1
    while busy:
        for key, _ in selector.select():
            one = by_number[key.fd]
            reply = buffers.get(one, b"") + one.recv(65536)
            if not _is_whole(reply):
                buffers[one] = reply
                continue
            buffers[one] = b""
            latencies.append(time.perf_counter() - sent_at[one])
            good += reply.startswith(b"HTTP/1.1 200") and b'"accepted":1' in reply
            request = next(pending, None)
            if request is None:
                busy -= 1
                continue
            sent_at[one] = time.perf_counter()
            one.sendall(request)
    seconds = time.perf_counter() - started
    for one in sockets:
        one.close()
    sent = sum(len(body) for body in share)
    return Driven(good, len(share), seconds, sent, latencies, len(share) - good)


def _is_whole(reply: bytes) -> bool:
    head, found, body = reply.partition(b"\r\n\r\n")
    if not found:
        return False
    at = head.lower().index(b"content-length:") + len(b"content-length:")
    return len(body) >= int(head[at:].partition(b"\r\n")[0])
