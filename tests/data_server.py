"""A local web server that answers as a test prescribes."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """What the server sends; `announced` is the Content-Length, the true one by default."""

    body: bytes
    status: int = 200
    announced: int | None = None
    silent: bool = False


class Server:
    """A server on this machine; an address with several answers gives them one after the other."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: Counter[str] = Counter()
        self.closing = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = owner.answers.get(self.path, [Answer(b"lost", 404)])
                answer = answers[min(owner.asked[self.path], len(answers) - 1)]
                owner.asked[self.path] += 1
                if answer.silent:
                    owner.closing.wait()
                    return
                self.send_response(answer.status)
                length = len(answer.body) if answer.announced is None else answer.announced
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
