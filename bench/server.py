"""A server under measurement: what all have in common. floe.py and pocketbase.py say in what they differ."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROWS = 100_000
PASSWORD = "correct horse battery staple"
SERVER_CORE = 0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
START_PATIENCE = 60
STOP_PATIENCE = 30
QUIET_PATIENCE = 15


def row(number):
    """Five typed fields. The scores of the rows 0 to 99,999 are 0 to 99,999, shuffled."""
    return {
        "title": f"title number {number}",
        "category": f"category {number % 100}",
        "score": number * 7919 % ROWS,
        "price": number % 10_000 / 100 + 0.25,
        "active": number % 2 == 0,
    }


@dataclass
class Request:
    """One HTTP request, before it knows its server's port."""

    method: str
    path: str
    body: object = None
    headers: dict = field(default_factory=dict)

    def rendered(self, port):
        """The bytes on the wire."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        headers = {"Host": f"127.0.0.1:{port}", **self.headers}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Length": len(body)}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """A subclass gives these, and the methods below that raise NotImplementedError."""

    name = durability = password_hash = health = ""
    operations = ("create", "get", "list", "update", "login")

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None

    def version(self):
        raise NotImplementedError

    def command(self):
        """What starts the server."""
        raise NotImplementedError

    def environment(self):
        """What the command finds in its environment, beside the harness's own."""
        return {}

    def fill(self):
        """Makes the table with its index, the users, and ROWS rows. Called once, while the server is stopped."""
        raise NotImplementedError

    def sign_in(self):
        """Makes a session, which the requests then carry. Called while the server runs."""
        raise NotImplementedError

    def requests(self, operation):
        """The requests of an operation (`create`, `get`, `list`, `update`, `login`), to be played over and over."""
        raise NotImplementedError

    def rows_of(self, answer):
        """The rows in the answer to a `list`."""
        raise NotImplementedError

    # ---- the process ----

    def start(self):
        """Starts the server on its core; returns after how many milliseconds it answered."""
        with open(os.path.join(self.folder, "server.log"), "ab") as log:
            begin = time.perf_counter()
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                stdout=log,
                stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - begin > START_PATIENCE:
                raise RuntimeError(f"{self.name} did not start: {Path(log.name).read_text()[-2000:]}")
            time.sleep(0.001)
        return (time.perf_counter() - begin) * 1000

    def stop(self):
        if self.process is None:
            return
        self.resume()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pause(self):
        """Takes it off the core, with whatever it does in the background, while another is measured."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def memory(self):
        """Its share of the machine's memory (PSS) in MB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as rollup:
            return int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.MULTILINE)[1]) / 1000

    def wait_until_quiet(self):
        """Until half a second passes in which the server does nothing."""
        for _ in range(QUIET_PATIENCE * 2):
            before = self.cpu_seconds()
            time.sleep(0.5)
            if self.cpu_seconds() == before:
                return

    # ---- talking to it, outside of measurements ----

    def send(self, request):
        """Sends a request; returns the answer's headers and its JSON. Anything but success is an error."""
        headers, text = self.send_raw(request)
        return headers, json.loads(text) if text else None

    def send_raw(self, request):
        """The same, but the body as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = None if request.body is None else json.dumps(request.body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request(request.method, request.path, body, {**request.headers, **kind})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise RuntimeError(f"{self.name}: {request.method} {request.path}: {response.status} {text[:500]!r}")
        return response.headers, text.decode()

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"GET {self.health} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                return b" 200 " in connection.recv(64)
        except OSError:
            return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
