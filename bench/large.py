"""What much data does to Floe: `make bench-large`, or one of them with `harness.py --only NAME`.

    scale         list and create with 10,000, 100,000 and 1,000,000 rows: neither may cost more with more
    permissions   the first page for callers with 100 roles who may read 0.01 %, 50 % and 100 % of 1,000,000 rows
    bulk          100,000 rows by key, 100 at a time
    scan          how long a `get` takes while somebody else searches 1,000,000 rows without an index
    fairness      p99 of a single create, alone and beside one caller who does something large all the time
    webhooks      creates with nobody who listens, with a webhook that wants something else, and with one that is sent each

`permissions` runs on SQLite and, where BENCH_POSTGRES_URL names a database that may be written to, on PostgreSQL.
"""

import json
import os
import re
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import harness
from floe import TABLE, Floe
from server import Request, row

SECONDS = harness.SECONDS
MANY = 1_000_000
BULK = 100_000
FAIR_ROWS = 300_000


def run(names):
    scenarios = {"scale": scale, "permissions": permissions, "bulk": bulk, "scan": scan, "fairness": fairness, "webhooks": webhooks}
    wanted = list(scenarios) if names == ["large"] else names
    results, lines = [], []
    for name in wanted:
        lines += [f"## {name}", ""]
        for result in scenarios[name]():
            results.append({"what": name, **result})
            lines.append("- " + ", ".join(f"{key}: {told(value)}" for key, value in result.items()))
            harness.note(lines[-1])
        lines.append("")
    harness.keep(lines, results)


def told(value):
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


@contextmanager
def floe(postgres=None):
    """A fresh server with a project, running."""
    # Not /tmp, which is memory on some machines.
    with tempfile.TemporaryDirectory(prefix="floe-bench.", dir="/var/tmp") as folder:
        server = Floe(folder, postgres)
        server.start()
        try:
            server.make_project()
            yield server
        finally:
            server.stop()


def numbers(run):
    return {key: run[key] for key in ("per_second", "p50_ms", "p99_ms", "noise")}


def plain_rows(count, first=0):
    return ({"$id": f"row-{number}", **row(number)} for number in range(first, first + count))


def scale():
    with floe() as server:
        server.make_table()
        there = 0
        for count in (10_000, 100_000, MANY):
            server.add_rows(plain_rows(count - there, there))
            there = count
            server.sign_in()
            for operation in ("list", "create"):
                harness.load(server, operation, 16, 1)
                yield {"rows": count, "operation": operation, **numbers(harness.load(server, operation, 16, SECONDS))}


def permissions():
    databases = {"SQLite": None}
    if url := os.environ.get("BENCH_POSTGRES_URL"):
        databases["PostgreSQL"] = own_database(url)
    else:
        harness.note("BENCH_POSTGRES_URL is not set: permissions are measured on SQLite alone")
    for name, url in databases.items():
        with floe(url) as server:
            server.make_table(row_security=True)
            harness.note(f"filling {name} with {MANY:,} rows")
            server.add_rows(
                {"$id": f"row-{number}", **row(number), "$permissions": [f'read("label:{label(number)}")']}
                for number in range(MANY)
            )
            others = [f"x{number}" for number in range(99)]
            everybody = [f"t{number}" for number in range(98)] + ["mine", "half"]
            callers = {"none": others + ["nobody"], "0.01 %": others + ["mine"], "50 %": others + ["half"], "100 %": everybody}
            for user, (share, labels) in enumerate(callers.items()):
                server.send(Request("PUT", f"/v1/users/user-{user}/labels", {"labels": labels}, server.key))
                server.sign_in(user)
                for order, query in {"first": [], "last": [{"method": "orderDesc", "attribute": ""}]}.items():
                    pages = [page([*query, {"method": "limit", "values": [25]}], server.session)]
                    run = harness.play(server, "list", pages, 1, SECONDS)
                    yield {"database": name, "may read": share, "page": order, "p50_ms": run["p50_ms"], "p99_ms": run["p99_ms"]}


def label(number):
    """Of 10,000 rows one is for `mine`, every second one for `half`, the rest for one of 98 others."""
    if number % 10_000 == 9_999:
        return "mine"
    return "half" if number % 2 == 0 else f"t{number // 2 % 98}"


def page(queries, session):
    return Request("GET", f"{TABLE}/rows?{encoded(queries)}&total=false", headers=session)


def encoded(queries):
    return "&".join(f"queries%5B%5D={quote(json.dumps(one))}" for one in queries)


def own_database(url):
    """A new database on the same server."""
    base, _ = url.rsplit("/", 1)
    name = f"bench_{os.getpid()}_{int(time.time())}"
    psql = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))[-1]
    subprocess.run([psql, url, "-q", "-c", f"CREATE DATABASE {name}"], check=True)
    return f"{base}/{name}"


def bulk():
    with floe() as server:
        server.make_table()
        requests = [
            Request("POST", f"{TABLE}/rows", {"rows": list(plain_rows(100, start))}, server.key).rendered(server.port)
            for start in range(0, BULK, 100)
        ]
        begin, cpu, written = time.monotonic(), server.cpu_seconds(), bytes_written(server)
        post_all(server.port, requests)
        seconds, cpu = time.monotonic() - begin, server.cpu_seconds() - cpu
        megabytes = (bytes_written(server) - written) / 1e6
        yield {"rows": BULK, "seconds": seconds, "rows a second": BULK / seconds, "cpu": cpu / seconds, "MB written": megabytes}


def post_all(port, requests):
    """One after another on one connection, rendered before: the load is not to be what takes the time."""
    import socket

    with socket.create_connection(("127.0.0.1", port)) as connection:
        for request in requests:
            connection.sendall(request)
            answer = b""
            while True:
                answer += connection.recv(1 << 20)
                head, end, body = answer.partition(b"\r\n\r\n")
                if end and len(body) >= int(re.search(rb"content-length: (\d+)", head.lower())[1]):
                    break
            assert head.startswith(b"HTTP/1.1 201"), answer[:300]


def bytes_written(server):
    io = Path(f"/proc/{server.process.pid}/io").read_text()
    return int(re.search(r"^write_bytes: (\d+)", io, re.MULTILINE)[1])


def scan():
    with floe() as server:
        server.make_table()
        server.add_rows(plain_rows(MANY))
        server.sign_in()
        search = page([{"method": "contains", "attribute": "title", "values": ["no such title"]}], server.session)
        harness.load(server, "get", 16, 1)
        alone = harness.load(server, "get", 16, SECONDS)
        with sent_all_the_time(server, search) as sent:
            beside = harness.load(server, "get", 16, SECONDS)
        yield {"get": "alone", **numbers(alone)}
        scans = sent["ok"]
        yield {"get": "beside a scan", **numbers(beside), "scans": scans, "p99 ratio": beside["p99_ms"] / alone["p99_ms"]}


@contextmanager
def sent_all_the_time(server, request, connections=1):
    """Sends a request again and again, from so many threads. Counts the answers: `ok`, and `refused` ones."""
    enough, sent = threading.Event(), {"ok": 0, "refused": 0}

    def keep_sending():
        while not enough.is_set():
            try:
                server.send(request)
                sent["ok"] += 1
            except RuntimeError:
                sent["refused"] += 1

    threads = [threading.Thread(target=keep_sending) for _ in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def fairness():
    """Whatever one caller sends, a single create of another is answered within 25 ms, but for one in a hundred."""
    with floe() as server:
        server.make_table()
        big, others = f"{TABLE.rsplit('/', 1)[0]}/big", f"{TABLE.rsplit('/', 1)[0]}/others"
        server.make_table(big)
        server.make_table(others)
        server.add_rows(plain_rows(FAIR_ROWS), big)
        server.add_rows(plain_rows(1000), others)
        relate(server, others, "big")
        server.sign_in()
        harness.load(server, "create", 1, 1)
        for what, request, connections in beside_creates(server, big, others):
            with sent_all_the_time(server, request, connections) if request else nullcontext({}) as sent:
                run = harness.load(server, "create", 1, SECONDS)
            yield {"create beside": what, **numbers(run), **sent}


def webhooks():
    """A create costs the same when nobody wants to know of it; and all deliveries come, at their pace."""
    with receiver() as (url, received), floe() as server:
        server.make_table()
        server.sign_in()
        harness.load(server, "create", 1, 1)
        for what, events in {
            "nobody": None,
            "a webhook that wants something else": ["users.*.delete"],
            "a webhook that is sent each": ["databases.*.tables.*.rows.*.create"],
        }.items():
            if events:
                hook = {"webhookId": "unique()", "name": "bench", "url": url, "events": events}
                server.send(Request("POST", "/v1/webhooks", hook, server.key))
            before = received[0]
            for connections in (1, 16):
                run = harness.load(server, "create", connections, SECONDS)
                yield {"creates with": what, "connections": connections, **numbers(run)}
        begun, during = time.monotonic(), received[0]
        while waiting(server):
            time.sleep(0.2)
        took, after = time.monotonic() - begun, received[0] - during
        yield {"deliveries": received[0] - before, "of them after the load": after, "a second": after / took}


def waiting(server):
    """How many deliveries are still to be made, up to 5,000 of each webhook."""
    those = json.dumps({"method": "equal", "attribute": "status", "values": ["waiting"]})
    webhooks = server.send(Request("GET", "/v1/webhooks", headers=server.key))[1]["webhooks"]
    paths = (f"/v1/webhooks/{hook['$id']}/deliveries?queries[]={quote(those)}" for hook in webhooks)
    return sum(server.send(Request("GET", path, headers=server.key))[1]["total"] for path in paths)


@contextmanager
def receiver():
    """A server that takes whatever it is sent, on the load's core, and counts it."""
    received = [0]

    class Take(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            received[0] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["FLOE_OUTBOUND_ALLOW"] = "127.0.0.1"
    try:
        yield f"http://127.0.0.1:{server.server_port}/", received
    finally:
        server.shutdown()


def beside_creates(server, big, others):
    """What somebody else does, and from how many connections."""
    every = json.dumps({"method": "greaterThanEqual", "attribute": "score", "values": [0]})
    slow = [{"method": "contains", "attribute": "title", "values": ["no such title"]}]
    nested = [{"method": "select", "values": ["*", "related.*"]}, {"method": "limit", "values": [1000]}]
    yield "nothing", None, 0
    change = {"data": {"category": "changed"}, "queries": [every]}
    yield "a bulk update by query", Request("PATCH", f"{big}/rows", change, server.key), 1
    transaction = staged(server, big)
    for name, queries in {"staged reads": [{"method": "limit", "values": [25]}], "slow staged reads": slow}.items():
        path = f"{big}/rows?{encoded(queries)}&transactionId={transaction}"
        yield name, Request("GET", path, headers=server.key), 4
    yield "slow lists", Request("GET", f"{big}/rows?{encoded(slow)}", headers=server.key), 4
    yield "related lists", Request("GET", f"{others}/rows?{encoded(nested)}", headers=server.key), 4


def staged(server, table):
    """A transaction that changes 500 rows of a table."""
    _, transaction = server.send(Request("POST", "/v1/tablesdb/transactions", {"ttl": 3600}, server.key))
    limit = json.dumps({"method": "limit", "values": [500]})
    change = {"data": {"category": "staged"}, "queries": [limit], "transactionId": transaction["$id"]}
    server.send(Request("PATCH", f"{table}/rows", change, server.key))
    return transaction["$id"]


def relate(server, table, to):
    """Gives each of the first 1000 rows of a table five of another one's."""
    column = {"relatedTableId": to, "type": "manyToMany", "twoWay": False, "key": "related", "onDelete": "setNull"}
    server.send(Request("POST", f"{table}/columns/relationship", column, server.key))
    server._wait_for(f"{table}/columns", "columns")
    for number in range(1000):
        ids = [f"row-{(number + step) % 1000}" for step in range(5)]
        server.send(Request("PATCH", f"{table}/rows/row-{number}", {"data": {"related": ids}}, server.key))
