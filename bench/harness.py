"""Measures Floe against PocketBase in one run: `make bench`; and alone, with much data: `make bench-large`.

The servers run on one core and the load on the other. They take turns, a repetition each, because the speed of a
virtual machine drifts by tens of per cent within minutes: a ratio from one run means something, two numbers from two
runs don't. The one whose turn it isn't is paused. The table gives the median of the repetitions.

    harness.py                        the comparison
    harness.py --only scale,bulk      some of the large scenarios (see large.py); `--only large`: all of them

    BENCH_SECS    seconds of a repetition (default 2)
    BENCH_REPS    repetitions (default 3)
    BENCH_ONLY    measure only these servers (`floe`, `before`, `pocketbase`, `bare`)
    FLOE_BEFORE_BIN   an older binary of Floe, measured beside the new one as `before`
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bare import Bare
from floe import Before, Floe
from pocketbase import PocketBase
from server import CLOCK_TICKS, ROWS, SERVER_CORE

HERE = Path(__file__).parent
SECONDS = float(os.environ.get("BENCH_SECS", "2"))
REPETITIONS = int(os.environ.get("BENCH_REPS", "3"))
LOAD_CORE = 1
STARTS = 5
WARM_UP_SECONDS = 1
# Those that make rows come last: until then all servers have the same number of them.
OPERATIONS = {"get": (1, 16, 64), "list": (1, 16, 64), "update": (1, 16, 64), "create": (1, 16, 64), "login": (1, 16)}
# Hashing a password takes a server tens of milliseconds: it needs longer until its numbers say something, and with 64
# connections none of them would be answered in that time.
LONGER = {"login": 3}
# Where other programs had more than this share of the servers' core, a number is too low.
TOLERATED_NOISE = 0.06


def main():
    os.sched_setaffinity(0, {LOAD_CORE})
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", default="", help="large scenarios, separated by commas")
    scenarios = [word for word in arguments.parse_args().only.split(",") if word]
    if scenarios:
        import large

        large.run(scenarios)
    else:
        compare()


def compare():
    only = [word for word in os.environ.get("BENCH_ONLY", "").split(",") if word]
    # Not /tmp, which is memory on some machines: what a write to disk costs belongs to what is measured.
    with tempfile.TemporaryDirectory(prefix="floe-bench.", dir="/var/tmp") as folder:
        servers = []
        kinds = (Floe, Before, PocketBase, Bare) if "FLOE_BEFORE_BIN" in os.environ else (Floe, PocketBase, Bare)
        for kind in kinds:
            if not only or kind.name.lower() in only:
                own = Path(folder, kind.name)
                own.mkdir()
                # The bare one sends what Floe sends, so it needs to know Floe, which comes first.
                servers.append(kind(str(own), servers[0]) if kind is Bare else kind(str(own)))
        try:
            report(servers, measure(servers))
        finally:
            for server in servers:
                server.stop()


def taking_part(servers, operation):
    return [server for server in servers if operation in server.operations]


def measure(servers):
    """A result is a dictionary of `server`, `what`, and numbers."""
    results = []
    for server in servers:
        note(f"filling {server.name} with {ROWS:,} rows")
        server.fill()
    for server in servers:
        note(f"starting {server.name}, {STARTS} times")
        results.append(measure_start(server))

    for server in servers:
        server.start()
        server.sign_in()
        check(server)
    for server in servers:
        server.pause()
    for operation, all_connections in OPERATIONS.items():
        for connections in all_connections:
            note(f"{operation}, {connections} connections")
            results += measure_in_turns(taking_part(servers, operation), operation, connections)
    for server in servers:
        server.resume()
        server.wait_until_quiet()
        results.append({"server": server.name, "what": "memory after load", "mb": server.memory()})
    return results


def measure_start(server):
    """How soon it answers, with its data in place, and what memory it then takes while nobody asks anything."""
    milliseconds = []
    for _ in range(STARTS):
        server.stop()
        milliseconds.append(server.start())
    server.wait_until_quiet()
    memory = server.memory()
    server.stop()
    return {"server": server.name, "what": "start", "ms": median(milliseconds), "idle_mb": memory}


def check(server):
    """A fast wrong answer would be worth nothing."""
    def first_answer(operation):
        return server.send(server.requests(operation)[0])[1]

    assert first_answer("get")["title"].startswith("title ")
    if server.operations == ("get",):
        return
    assert first_answer("create")["title"] == "title number 0"
    scores = [row["score"] for row in server.rows_of(first_answer("list"))]
    assert scores == sorted(scores) and len(scores) == 25 and scores[0] > 0, scores
    assert first_answer("update")["title"] == "title 0"
    assert first_answer("login")


def measure_in_turns(servers, operation, connections):
    runs = {server.name: [] for server in servers}
    for repetition in range(-1, REPETITIONS):
        for server in servers:
            server.resume()
            seconds = WARM_UP_SECONDS if repetition < 0 else SECONDS * LONGER.get(operation, 1)
            run = load(server, operation, connections, seconds)
            server.pause()
            if repetition >= 0:
                runs[server.name].append(run)
    what = {"what": operation, "connections": connections}
    return [{"server": name, **what, **median_run(of_server)} for name, of_server in runs.items()]


def median_run(runs):
    return {key: median(run[key] for run in runs) for key in runs[0]}


def load(server, operation, connections, seconds):
    """Plays the operation's requests for so long, as fast as they are answered."""
    return play(server, operation, server.requests(operation), connections, seconds)


def play(server, operation, requests, connections, seconds):
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0".join(request.rendered(server.port) for request in requests))
        file.flush()
        command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s", "--timeout=20s"]
        command += [f"--script={HERE / 'requests.lua'}", f"http://127.0.0.1:{server.port}"]
        begin, busy, own = time.monotonic(), core_seconds(), server.cpu_seconds()
        output = subprocess.check_output(command, env={**os.environ, "BENCH_REQUESTS": file.name}, text=True)
        wall, busy, own = time.monotonic() - begin, core_seconds() - busy, server.cpu_seconds() - own

    run = json.loads(output.splitlines()[-1])
    if run["failed"]:
        raise RuntimeError(f"{server.name}, {operation}: {run['failed']} of {run['requests']} requests failed")
    return {
        "per_second": run["requests"] / run["seconds"],
        "p50_ms": run["p50_ms"],
        "p99_ms": run["p99_ms"],
        "noise": max(0, busy - own) / wall,
    }


def core_seconds():
    """How long the servers' core has been busy since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{SERVER_CORE}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / CLOCK_TICKS
    raise RuntimeError("no such core")


# ---- telling -------------------------------------------------------------------------------------------------------


def report(servers, results):
    peers = [server for server in servers if len(server.operations) > 1]
    lines = [*about(servers), "", *throughput_table(servers, results), "", *footprint_table(peers, results)]
    keep(lines, results)


def keep(lines, results):
    text = "\n".join(lines)
    print(text)
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    name = time.strftime("%Y-%m-%d-%H%M%S")
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1))
    (folder / f"{name}.md").write_text(text + "\n")
    note(f"kept in bench/results/{name}.md and .json")


def about(servers):
    yield f"{ROWS:,} rows, {REPETITIONS} × {SECONDS:g} s, servers on core {SERVER_CORE}, {platform.release()}"
    for server in servers:
        yield f"- {server.name} {server.version()}: {server.durability}; passwords: {server.password_hash}"


def throughput_table(servers, results):
    yield "Requests a second, and p50 / p99 in ms; `*`: other programs had a part of the core, so it is a lower bound."
    yield ""
    yield row_of(["operation", "connections", *(server.name for server in servers), "ratio"])
    yield row_of(["---"] * (3 + len(servers)))
    for operation, all_connections in OPERATIONS.items():
        for connections in all_connections:
            found = {
                server.name: find(results, server, what=operation, connections=connections)
                for server in taking_part(servers, operation)
            }
            cells = [throughput_cell(found.get(server.name)) for server in servers]
            yield row_of([operation, connections, *cells, ratio(found)])


def throughput_cell(run):
    if run is None:
        return ""
    mark = "*" if run["noise"] > TOLERATED_NOISE else ""
    return f"{run['per_second']:,.0f}{mark} ({run['p50_ms']:.2f} / {run['p99_ms']:.2f})"


def footprint_table(servers, results):
    yield row_of(["", *(server.name for server in servers)])
    yield row_of(["---"] * (1 + len(servers)))
    lines = [("start to first answer, ms", "start", "ms"), ("idle memory (PSS), MB", "start", "idle_mb")]
    for label, what, key in [*lines, ("memory after load (PSS), MB", "memory after load", "mb")]:
        yield row_of([label, *(f"{find(results, server, what=what)[key]:.0f}" for server in servers)])


def find(results, server, **wanted):
    wanted["server"] = server.name
    return next(result for result in results if wanted.items() <= result.items())


def ratio(found):
    """How many times as many as PocketBase and as before; and, where it was measured, which part of what actix-web can do."""
    rates = {name: run["per_second"] for name, run in found.items()}
    parts = []
    if rates.get("Floe") and rates.get("PocketBase"):
        parts.append(f"{rates['Floe'] / rates['PocketBase']:.1f}×")
    if rates.get("Floe") and rates.get("before"):
        parts.append(f"{rates['Floe'] / rates['before']:.2f} of before")
    if rates.get("Floe") and rates.get("bare"):
        parts.append(f"{rates['Floe'] / rates['bare']:.0%} of bare")
    return ", ".join(parts)


def row_of(cells):
    return f"| {' | '.join(map(str, cells))} |"


def note(text):
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
