"""The other side of the storm: a process of its own that no kill reaches, and that counts.

It does each effect once for its key, as an outside system with idempotency keys does, and writes
each into an append-only file before it answers. It answers late at random, so that many kills fall
between an effect and the report of it.

``python far_side.py FOLDER SEED`` listens on ``FOLDER/side`` for one JSON object a connection.
"""

import json
import random
import socketserver
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

#: The longest that it waits before an effect, and again before its answer, in seconds.
WAIT_S: Final = 0.1
#: The first letter of a commit, and so of its digest, says how its release goes.
GOOD, FAILS_TESTS, FAILS_BAKE = "a", "b", "c"


def digest_of(pipeline: str, commit: str) -> str:
    return f"sha256:{commit[0]}{sha256(f'{pipeline} {commit}'.encode()).hexdigest()[1:]}"


class Side:
    """What was done, in memory and in the file; a lock makes each effect one."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a storm that can be repeated
        self.file = (folder / "done").open("a", encoding="utf-8")
        self.lock = threading.Lock()
        self.done: set[str] = set()
        self.highest: dict[str, int] = {}
        self.placed: dict[str, list[str]] = {}
        self.windows = 0

    def write(self, **line: Any) -> None:
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def take(self, asked: dict[str, Any]) -> dict[str, Any]:
        acts = {"deploy": self.deploy, "abort": self.abort, "answers": self.answers}
        time.sleep(self.random.random() * WAIT_S)
        with self.lock:
            answer = acts.get(asked["do"], self.once)(asked)
        time.sleep(self.random.random() * WAIT_S)
        return answer

    def once(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A build, a test, a message: known keys are answered and not done again."""
        again = asked["key"] in self.done
        self.done.add(asked["key"])
        self.write(what="again" if again else asked["do"], key=asked["key"])
        return {}

    def deploy(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Replace one host; refuses an epoch below the highest that the target has seen."""
        key, place, digest = asked["key"], asked["place"], asked["digest"]
        if self.late(asked):
            return {"fenced": True}
        hosts, old = self.hosts(asked)
        if key in self.done or not old:
            self.write(what="again", key=key)
        else:
            hosts[old[0]] = digest
            self.write(what="deploy", key=f"{key}/{old[0]}", place=place, digest=digest)
            old = old[1:]
        if not old:
            self.done.add(key)
        return {"left": len(old)}

    def abort(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Change nothing more for the key; what has ended keeps its answer."""
        if self.late(asked):
            return {"fenced": True}
        left = 0 if asked["key"] in self.done else len(self.hosts(asked)[1])
        self.done.add(asked["key"])
        self.write(what="abort", key=asked["key"])
        return {"left": left}

    def late(self, asked: dict[str, Any]) -> bool:
        """Whether the target has seen a higher epoch; remembers it where this is the highest."""
        place = asked["place"]
        if asked["epoch"] < self.highest.get(place, 0):
            self.write(what="fenced", key=asked["key"])
            return True
        self.highest[place] = asked["epoch"]
        return False

    def hosts(self, asked: dict[str, Any]) -> tuple[list[str], list[int]]:
        """What runs on the hosts of a target, and which of them have another digest."""
        hosts = self.placed.setdefault(asked["place"], [""] * asked["hosts"])
        return hosts, [at for at, digest in enumerate(hosts) if digest != asked["digest"]]

    def answers(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One window of data points of what runs at a place: five answers of each version."""
        self.windows += 1
        found = {}
        for digest in set(self.placed.get(asked["place"], [])) - {""}:
            found[digest] = [0, 5] if digest.startswith(f"sha256:{FAILS_BAKE}") else [5, 0]
            self.write(what="window", key=str(self.windows), place=asked["place"], digest=digest)
        return found


class Handler(socketserver.StreamRequestHandler):
    server: "Server"

    def handle(self) -> None:
        line = self.rfile.readline()
        if line:
            answer = self.server.side.take(json.loads(line))
            # Whoever asked may have been killed meanwhile.
            try:
                self.wfile.write(json.dumps(answer).encode() + b"\n")
            except OSError:
                return


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(str(folder / "side"), Handler)
        self.side = Side(folder, seed)

    def handle_error(self, *_: Any) -> None:
        """Nothing: a client that was killed in the middle of its question asks again."""


if __name__ == "__main__":
    with Server(Path(sys.argv[1]), int(sys.argv[2])) as server:
        print("ready", flush=True)
        server.serve_forever()
