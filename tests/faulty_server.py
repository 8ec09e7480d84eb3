"""A chat endpoint on loopback that plays a script of faults: the real thing's failures, on demand."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 60}}


def completion(content="fine", finish="stop", usage=USAGE, **message):
    """The body of an answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}}
    body = {"id": "1", "object": "chat.completion", "choices": [{**choice, "finish_reason": finish}]}
    return body | ({"usage": usage} if usage else {})


def error(message, **details):
    """The body of an error as OpenAI words it."""
    return {"error": {"message": message, "type": None, "code": None, **details}}


def status(number, body=None, **headers):
    """A fault: answer with a status."""
    return lambda handler: handler.send(number, json.dumps(body or error(f"status {number}")), headers)


def answer(*arguments, **details):
    """No fault: an answer, see ``completion``."""
    return lambda handler: handler.send(200, json.dumps(completion(*arguments, **details)))


def body(text, kind="application/json"):
    """A fault: status 200 with this text."""
    return lambda handler: handler.send(200, text, {"Content-Type": kind})


def cut(handler):
    """A fault: the connection closes in mid-body."""
    text = json.dumps(completion())
    handler.send(200, text[:30], {"Content-Length": str(len(text))})
    handler.close_connection = True


def reset(handler):
    """A fault: the connection closes before any answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hang(handler):
    """A fault: no answer until the server stops, or the client has gone."""
    handler.server.stopped.wait(5)
    handler.close_connection = True


def drip(handler):
    """A fault: a byte now and then, so that no single read takes long."""
    handler.send(200, "", {"Content-Length": "1000"})
    while not handler.server.stopped.wait(0.02):
        try:
            handler.wfile.write(b" ")
            handler.wfile.flush()
        except OSError:
            break
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """Plays the next step of the script of the request's last message; ``content`` is the request."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        found = self.server.gets.get(self.path)
        if found is None:
            self.send(404, json.dumps(error("no such path")))
        elif callable(found):
            found(self)
        else:
            self.send(200, json.dumps(found))

    def do_POST(self):
        self.content = content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = content["messages"][-1]["content"]
        with self.server.guard:
            self.server.asked.append(content)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            script = self.server.scripts.get(question, self.server.scripts.get("*", [answer()]))
            number = self.server.numbers.get(question, 0)
            self.server.numbers[question] = number + 1
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.most_under_way, self.server.under_way)
        try:
            script[min(number, len(script) - 1)](self)
        finally:
            with self.server.guard:
                self.server.under_way -= 1

    def send(self, number, text, headers=None):
        """Send a response; headers that are given come before those that are usual."""
        content = text.encode()
        usual = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        self.send_response(number)
        for name, value in (usual | (headers or {})).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """What was asked of it is in ``asked`` (bodies) and ``headers``."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, scripts):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scripts = scripts
        self.gets = {"/v1/models": {"data": [{"id": "small"}, {"id": "large"}]}}
        self.asked, self.headers, self.numbers = [], [], {}
        self.under_way = self.most_under_way = 0
        self.guard, self.stopped = threading.Lock(), threading.Event()
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_):
        """A client that hung up is no news."""


@contextmanager
def faulty_server(scripts=None):
    """A server that answers each question by its script, a list of steps of which the last is repeated.

    Args:
        scripts: by the text of a request's last message, "*" for all others; "fine" where there is none.
    """
    server = Server(scripts or {})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
