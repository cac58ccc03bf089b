"""PocketBase under measurement: a collection with the same fields, index and rule as Floe's table."""

import os
import random
import sqlite3
import string
import subprocess
from functools import cache

from server import PASSWORD, ROWS, Request, Server, row

USERS = 20
RECORDS = "/api/collections/items/records"
FIELDS = [
    {"name": "title", "type": "text"},
    {"name": "category", "type": "text"},
    {"name": "score", "type": "number"},
    {"name": "price", "type": "number"},
    {"name": "active", "type": "bool"},
    {"name": "created", "type": "autodate", "onCreate": True},
    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
]


class PocketBase(Server):
    name = "PocketBase"
    durability = "SQLite, WAL, synchronous=NORMAL (its default): the last answers may be lost with the power"
    password_hash = "bcrypt, cost 10"
    health = "/api/health"

    def __init__(self, folder):
        super().__init__(folder)
        self.binary = os.path.abspath(os.environ["POCKETBASE_BIN"])
        self.data = os.path.join(folder, "pb_data")
        self.session = {}

    def version(self):
        return subprocess.check_output([self.binary, "--version"], text=True).split()[-1]

    def command(self):
        return [self.binary, "serve", f"--http=127.0.0.1:{self.port}", f"--dir={self.data}"]

    def fill(self):
        admin = {"identity": "admin@bench.example", "password": PASSWORD}
        upsert = ["superuser", "upsert", admin["identity"], PASSWORD, f"--dir={self.data}"]
        subprocess.check_call([self.binary, *upsert], stdout=subprocess.DEVNULL)
        self.start()
        _, answer = self.send(Request("POST", "/api/collections/_superusers/auth-with-password", admin))
        as_admin = {"Authorization": answer["token"]}

        signed_in = '@request.auth.id != ""'
        rules = {f"{action}Rule": signed_in for action in ("list", "view", "create", "update", "delete")}
        index = "CREATE INDEX by_score ON items (score)"
        items = {"name": "items", "type": "base", "fields": FIELDS, "indexes": [index], **rules}
        self.send(Request("POST", "/api/collections", items, as_admin))
        for number in range(USERS):
            user = {"email": _email(number), "password": PASSWORD, "passwordConfirm": PASSWORD}
            self.send(Request("POST", "/api/collections/users/records", user, as_admin))
        self.stop()
        self._insert_rows()

    def _insert_rows(self):
        """Straight into the database of the stopped server: its own bulk loading is far slower, and not measured."""
        rows = ({"id": row_id, **row(number)} for number, row_id in enumerate(_ids()))
        now = "'2026-01-01 00:00:00.000Z'"
        with sqlite3.connect(os.path.join(self.data, "data.db")) as database:
            database.executemany(
                "INSERT INTO items (id, title, category, score, price, active, created, updated)"
                f" VALUES (:id, :title, :category, :score, :price, :active, {now}, {now})",
                rows,
            )
            database.execute("ANALYZE")
        database.close()

    def sign_in(self):
        _, answer = self.send(self._login(0))
        self.session = {"Authorization": answer["token"]}

    def requests(self, operation):
        ids = random.Random(1).sample(_ids(), 5000)
        match operation:
            case "create":
                return [Request("POST", RECORDS, row(number), self.session) for number in range(2000)]
            case "get":
                return [Request("GET", f"{RECORDS}/{row_id}", headers=self.session) for row_id in ids]
            case "list":
                page = f"{RECORDS}?perPage=25&skipTotal=1&sort=score&filter=score%3E"
                return [Request("GET", f"{page}{score}", headers=self.session) for score in range(0, 99_000, 97)]
            case "update":
                changes = enumerate(ids * 4)
                return [
                    Request("PATCH", f"{RECORDS}/{row_id}", {"title": f"title {lap}"}, self.session)
                    for lap, row_id in changes
                ]
            case "login":
                return [self._login(number) for number in range(USERS)]

    def rows_of(self, answer):
        return answer["items"]

    def _login(self, number):
        credentials = {"identity": _email(number), "password": PASSWORD}
        return Request("POST", "/api/collections/users/auth-with-password", credentials)


@cache
def _ids():
    """The ids of the rows: PocketBase wants 15 letters and digits."""
    source = random.Random(2)
    return ["".join(source.choices(string.ascii_lowercase + string.digits, k=15)) for _ in range(ROWS)]


def _email(number):
    return f"user-{number}@bench.example"
