"""HTTP for commands, against servers that do what real ones do at their worst."""

import base64
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from vitne.cli.base.http import HttpConnection
from vitne.errors import UnavailableError


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


class Served:
    """What a server was sent, once it has answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.request = b""


@contextmanager
def one_answer(reply: bytes, family: socket.AddressFamily = socket.AF_INET) -> Iterator[Served]:
    """A server that answers one request with these bytes, then closes the connection."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(20)
        port = listener.getsockname()[1]
        served = Served(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")

        def answer() -> None:
            with listener.accept()[0] as client:
                while b"\r\n\r\n" not in served.request:
                    served.request += client.recv(65536)
                client.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield served
        finally:
            thread.join()


def ask(url: str, path: str) -> int:
    """The status of a GET."""
    with closing(HttpConnection(url, {}, 20)) as http:
        return http.request("GET", path).status


def test_half_a_reply_is_a_server_that_does_not_answer() -> None:
    """It passed as a whole one: evidence seemed damaged, and `--follow` ended."""
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    with one_answer(half) as served, pytest.raises(UnavailableError, match="IncompleteRead"):
        ask(served.url, "/v1/events")


def test_an_ipv6_address_is_one_with_or_without_a_port() -> None:
    """`http.client` took the end of an address without a port for the port."""
    try:
        with one_answer(b"HTTP/1.1 204 No Content\r\n\r\n", socket.AF_INET6) as served:
            assert ask(served.url, "/") == 204
    except OSError:
        pytest.skip("this machine has no IPv6")
    with pytest.raises(UnavailableError, match=r"refused|unreachable|assign"):
        ask("http://[::1]", "/")


def test_a_proxy_is_told_the_name_and_password_of_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with one_answer(b"HTTP/1.1 204 No Content\r\n\r\n") as proxy:
        monkeypatch.setenv("all_proxy", proxy.url.replace("//", "//kari:s%40fe@"))
        ask("http://audit.invalid", "/v1/tenants")

    assert proxy.request.startswith(b"GET http://audit.invalid/v1/tenants HTTP/1.1\r\n")
    credentials = base64.b64encode(b"kari:s@fe")
    assert b"Proxy-Authorization: Basic " + credentials in proxy.request
