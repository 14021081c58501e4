"""A real time-stamp authority: OpenSSL behind a small HTTP server."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Authority:
    """What the tests see of it."""

    def __init__(self, url: str, root: Path, asked: list[bytes]) -> None:
        self.url = url
        self.root = root
        self.asked = asked
        """Every query that came, as DER."""
        self.answers = True
        """Off: it answers 503."""
        self.replay: bytes | None = None
        """Answer with this token, whatever was asked."""


@pytest.fixture(scope="session")
def authority_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates of an authority."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl")
    folder = tmp_path_factory.mktemp("tsa")
    shutil.copy(HERE / "tsa.cnf", folder)
    made = subprocess.run(  # noqa: S603 - the script beside this file
        ["/bin/sh", HERE / "make_tsa.sh"], cwd=folder, capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"OpenSSL makes no authority here: {made.stderr[-300:]}")
    return folder


@pytest.fixture
def authority(authority_folder: Path) -> Iterator[Authority]:
    """An authority on a free port of the loopback."""
    folder = authority_folder

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            found.asked.append(query)
            body = found.replay if found.replay is not None else _reply(folder, query)
            self.send_response(200 if found.answers else 503)
            self.send_header("content-type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(body if found.answers else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Authority(f"http://127.0.0.1:{server.server_port}/tsr", folder / "root.pem", [])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def _reply(folder: Path, query: bytes) -> bytes:
    (folder / "query.tsq").write_bytes(query)
    subprocess.run(  # noqa: S603 - the query is our own
        [shutil.which("openssl") or "", "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa",
         "-queryfile", "query.tsq", "-out", "reply.tsr"],
        cwd=folder, capture_output=True, check=True,
    )  # fmt: skip
    return (folder / "reply.tsr").read_bytes()
