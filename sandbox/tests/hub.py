"""A hub that tests send webhooks to: an HTTP server that keeps what it receives."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event


class Hub(ThreadingHTTPServer):
    """A hub that answers with the next of ``answers``, and with 200 when there are none left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[int] = set()
        self.answers: list[int] = []
        self.opened = Event()
        self.opened.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/api/v1/webhooks/iiko"


class _Receive(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.opened.wait(5)
        self.server.bodies.append(body)
        self.server.headers.append(dict(self.headers))
        self.server.connections.add(self.client_address[1])
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass
