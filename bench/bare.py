"""A bare actix-web server that sends the very bytes that Floe sends: what is left to gain for a `get`."""

import os

from server import Server

# What the HTTP server adds by itself.
OWN_HEADERS = ("content-length", "date", "connection")


class Bare(Server):
    name = "bare"
    durability = "an actix-web handler that answers each `get` with the same bytes and does nothing else"
    password_hash = "none"
    health = "/"
    operations = ("get",)

    def __init__(self, folder, floe):
        super().__init__(folder)
        self.binary = os.path.abspath(os.environ["BARE_BIN"])
        self.floe = floe
        self.answer = os.path.join(folder, "answer")

    def version(self):
        return "actix-web"

    def command(self):
        return [self.binary, str(self.port), self.answer]

    def fill(self):
        """What it sends it learns when it signs in; until then, something short."""
        self._learn([("Content-Type", "application/json")], "{}")

    def sign_in(self):
        headers, body = self.floe.send_raw(self.floe.requests("get")[0])
        self._learn([(name, value) for name, value in headers.items() if name.lower() not in OWN_HEADERS], body)
        self.stop()
        self.start()

    def requests(self, operation):
        return self.floe.requests(operation)

    def _learn(self, headers, body):
        with open(self.answer, "w") as file:
            file.write("\n".join(f"{name}: {value}" for name, value in headers) + "\n\n" + body)
