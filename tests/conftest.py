"""Fixtures that every folder of tests may use: hypothesis profiles and a PostgreSQL server."""

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings

# Time limits per example would make a busy machine fail a correct program. A plain run takes the
# same few examples each time, so that it fails for a change and not by chance; `make fuzz` looks
# for new ones.
settings.register_profile(
    "default", deadline=None, print_blob=True, max_examples=25, derandomize=True
)
settings.register_profile("long", deadline=None, print_blob=True, max_examples=5000)
settings.load_profile("default")

#: Folders whose files take longest begin first, so that none of them ends a run alone. By how many
#: tests a file has, as pytest-xdist would begin, the longest would come last: they have one.
_FIRST: Final = (
    "tests/recovery",
    "tests/service/executor",
    "tests/service/adapters",
    "tests/browser",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        begun = [item.nodeid.startswith(each) for each in _FIRST]
        return begun.index(True) if any(begun) else len(_FIRST)

    items.sort(key=place)


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server: PostgreSQL refuses to run as root."""

    name: str
    uid: int | None
    gid: int | None


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server that listens on a socket in its own folder and on nothing else."""

    folder: Path
    account: Account
    pid: int

    def connection(self, database: str) -> str:
        """Keywords as libpq reads them."""
        return f"host={self.folder} user={self.account.name} dbname={database}"

    def url(self, database: str) -> str:
        """The form SQLAlchemy reads."""
        return f"postgresql+psycopg://{self.account.name}@/{database}?host={self.folder}"


#: A server whose data nobody needs after the run need not wait for the disk.
_FORGETFUL: Final = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start one server for the whole run, when the first test asks for it."""
    with postgres(_FORGETFUL) as server:
        yield server


@contextmanager
def postgres(settings: Mapping[str, str]) -> Iterator[PostgresServer]:
    """A server of its own with these settings, gone with all its data at the end."""
    # Not pytest's tmp_path: a socket's path has at most 107 bytes, and the server's account could
    # not enter pytest's folders, which belong to the account of the tests.
    folder = Path(tempfile.mkdtemp(prefix="bakegate-pg-", dir="/tmp"))
    account = _account()
    if account.uid is not None and account.gid is not None:
        os.chown(folder, account.uid, account.gid)
    try:
        _run(account, folder, *_initdb(folder, account))
        server = _start(folder, account, settings)
        try:
            yield PostgresServer(folder, account, server.pid)
        finally:
            # SIGINT is PostgreSQL's fast shutdown: it ends open sessions and writes no dump.
            server.send_signal(signal.SIGINT)
            server.wait(timeout=120)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[Callable[..., str]]:
    """Give a function whose every call makes a database and returns its URL.

    It is empty, or a copy of the one whose name is handed in.
    """
    made: list[str] = []
    prefix = f"t{uuid4().hex}"
    numbers = count(1)

    def create(template: str = "template1") -> str:
        name = f"{prefix}_{next(numbers)}"
        _copy(postgres_server, name, template)
        made.append(name)
        return postgres_server.url(name)

    yield create
    for name in made:
        # FORCE, because a test that killed a process may leave its sessions behind.
        _execute(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _copy(server: PostgresServer, name: str, template: str) -> None:
    with psycopg.connect(server.connection("postgres"), autocommit=True) as connection:
        # By files it takes a quarter of the time; before version 15 there is no other way.
        how = "STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {how}'.encode())


def _execute(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.connection("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


def _account() -> Account:
    if os.geteuid() != 0:
        return Account(getpass.getuser(), None, None)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known["postgres"] if "postgres" in known else known["nobody"]
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _program(name: str) -> str:
    """Find a server program: Debian keeps them off PATH, in one folder per version."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest_first = sorted(versions, key=lambda path: int(path.parts[4]), reverse=True)
    if newest_first:
        return str(newest_first[0])
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: install the package postgresql")
    return found


def _initdb(folder: Path, account: Account) -> list[str]:
    return [
        _program("initdb"),
        f"--pgdata={folder / 'data'}",
        f"--username={account.name}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]


def _start(folder: Path, account: Account, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server in the foreground and wait until it answers."""
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        **settings,
    }
    command = [_program("postgres"), "-D", str(folder / "data")]
    for key, value in options.items():
        command += ["-c", f"{key}={value}"]
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    ready = [_program("pg_isready"), "--quiet", f"--host={folder}", "--timeout=1"]
    for _ in range(600):
        if server.poll() is not None:
            pytest.fail(f"PostgreSQL ended at its start:\n{log.read_text()}")
        if subprocess.run(ready, check=False).returncode == 0:
            return server
        # Not a timing assertion: pg_isready answers at once while there is no socket yet.
        try:
            server.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            continue
    server.kill()
    pytest.fail(f"PostgreSQL did not answer within a minute:\n{log.read_text()}")


def _run(account: Account, folder: Path, *command: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
