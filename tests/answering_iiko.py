"""iiko on a port of this machine, for hubs in processes of their own: fixed answers, and what was asked."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[int], Mapping[str, object]]
"""Gives a body, told how often it was asked for."""
Answers = Mapping[str, Answer]
"""By operation; any other is not found."""


def always(body: Mapping[str, object]) -> Answer:
    return lambda _asked: body


class AnsweringIiko(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them, so that no socket is left open

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers = answers
        self.asked: Counter[str] = Counter()


class _Answer(BaseHTTPRequestHandler):
    server: AnsweringIiko

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.path.removeprefix("/api/1/")
        self.server.asked[operation] += 1
        answer = self.server.answers.get(operation)
        body = answer(self.server.asked[operation]) if answer else {}
        text = json.dumps({"correlationId": "c", **body}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(answers: Answers) -> Iterator[AnsweringIiko]:
    with AnsweringIiko(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
