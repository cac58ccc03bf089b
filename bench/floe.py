"""Floe under measurement: a project with one table, and a signed-in user who may do everything with its rows."""

import itertools
import json
import os
import random
import secrets
import subprocess
import time
from urllib.parse import quote

from server import PASSWORD, ROWS, Request, Server, row

PROJECT = "bench"
TABLE = "/v1/tablesdb/bench/tables/items"
BATCH = 100
USERS = 20
COLUMNS = [
    ("varchar", {"key": "title", "size": 255}),
    ("varchar", {"key": "category", "size": 64}),
    ("integer", {"key": "score"}),
    ("float", {"key": "price"}),
    ("boolean", {"key": "active"}),
]


class Floe(Server):
    name = "Floe"
    durability = "SQLite, WAL, group commit, fsync before every answer"
    password_hash = "argon2id"
    health = "/health/ready"
    binary_from = "FLOE_BIN"

    def __init__(self, folder, postgres=None):
        super().__init__(folder)
        self.binary = os.path.abspath(os.environ[self.binary_from])
        self.postgres = postgres
        self.node_key = secrets.token_hex(32)
        self.session = {}
        self.key = {}

    def version(self):
        return subprocess.check_output([self.binary, "--version"], text=True).split()[-1]

    def command(self):
        return [self.binary, "serve"]

    def environment(self):
        data = os.path.join(self.folder, "data")
        settings = {"FLOE_PORT": str(self.port), "FLOE_DATA": data, "FLOE_RATE_LIMITS": "off", "FLOE_LOG_FORMAT": "json"}
        # Nodes that share a database share a key, so that with PostgreSQL the server makes none by itself.
        shared = {"DATABASE_URL": self.postgres, "FLOE_SECRET_KEY": self.node_key} if self.postgres else {}
        return settings | shared

    def fill(self):
        self.start()
        self.make_project()
        self.make_table()
        self.add_rows({"$id": f"row-{number}", **row(number)} for number in range(ROWS))
        self.stop()

    def make_project(self):
        """A project with a key, a database and people."""
        self._floe("project", "create", PROJECT, "--name", "Bench")
        secret = self._floe("key", "create", PROJECT, "--name", "bench", "--scopes", "all")
        self.key = {"X-Appwrite-Project": PROJECT, "X-Appwrite-Key": secret}
        self._post("/v1/tablesdb", {"databaseId": "bench", "name": "Bench"})
        for number in range(USERS):
            user = {"userId": f"user-{number}", "email": _email(number), "password": PASSWORD}
            self.send(Request("POST", "/v1/account", user, {"X-Appwrite-Project": PROJECT}))

    def make_table(self, table=TABLE, row_security=False):
        """A table with its index. Who is signed in may do everything with its rows; or each row says who may read it."""
        actions = ("create",) if row_security else ("read", "create", "update", "delete")
        permissions = [f'{action}("users")' for action in actions]
        name = table.rsplit("/", 1)[1]
        new = {"tableId": name, "name": name, "permissions": permissions, "rowSecurity": row_security}
        self._post("/v1/tablesdb/bench/tables", new)
        for kind, column in COLUMNS:
            self._post(f"{table}/columns/{kind}", {**column, "required": True})
        self._wait_for(f"{table}/columns", "columns")
        self._post(f"{table}/indexes", {"key": "by_score", "type": "key", "columns": ["score"]})
        self._wait_for(f"{table}/indexes", "indexes")

    def add_rows(self, rows, table=TABLE):
        """Adds rows by key, as many at a time as may be."""
        rows = iter(rows)
        while batch := list(itertools.islice(rows, BATCH)):
            self._post(f"{table}/rows", {"rows": batch})

    def sign_in(self, number=0):
        headers, _ = self.send(self._login(number))
        cookies = [cookie.split(";")[0] for cookie in headers.get_all("Set-Cookie")]
        self.session = {"X-Appwrite-Project": PROJECT, "Cookie": "; ".join(cookies)}

    def requests(self, operation):
        rows = f"{TABLE}/rows"
        ids = [f"row-{number}" for number in random.Random(1).sample(range(ROWS), 5000)]
        match operation:
            case "create":
                bodies = ({"rowId": "unique()", "data": row(number)} for number in range(2000))
                return [Request("POST", rows, body, self.session) for body in bodies]
            case "get":
                return [Request("GET", f"{rows}/{row_id}", headers=self.session) for row_id in ids]
            case "list":
                pages = (f"{rows}?{_above(score)}" for score in range(0, 99_000, 97))
                return [Request("GET", page, headers=self.session) for page in pages]
            case "update":
                # Four laps, so that a row which comes up again gets another title.
                changes = enumerate(ids * 4)
                return [
                    Request("PATCH", f"{rows}/{row_id}", {"data": {"title": f"title {lap}"}}, self.session)
                    for lap, row_id in changes
                ]
            case "login":
                return [self._login(number) for number in range(USERS)]

    def rows_of(self, answer):
        return answer["rows"]

    def _login(self, number):
        credentials = {"email": _email(number), "password": PASSWORD}
        return Request("POST", "/v1/account/sessions/email", credentials, {"X-Appwrite-Project": PROJECT})

    def _post(self, path, body):
        self.send(Request("POST", path, body, self.key))

    def _wait_for(self, path, kind):
        """Columns and indexes are made in the background."""
        while True:
            _, answer = self.send(Request("GET", path, headers=self.key))
            if all(item["status"] == "available" for item in answer[kind]):
                return
            time.sleep(0.02)

    def _floe(self, *arguments):
        environment = {**os.environ, **self.environment()}
        return subprocess.check_output([self.binary, *arguments], env=environment, text=True).strip()


class Before(Floe):
    """An older Floe beside it: what a change has cost, or saved."""

    name = "before"
    binary_from = "FLOE_BEFORE_BIN"


def _email(number):
    return f"user-{number}@bench.example"


def _above(score):
    """The query string: 25 rows of a higher score, lowest first, not counted."""
    queries = [
        {"method": "greaterThan", "attribute": "score", "values": [score]},
        {"method": "orderAsc", "attribute": "score"},
        {"method": "limit", "values": [25]},
    ]
    return "&".join([*(f"queries%5B%5D={quote(json.dumps(query))}" for query in queries), "total=false"])
