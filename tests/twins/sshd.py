"""A real SSH server on free ports of this machine, which stands for several hosts."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Each of these addresses of the loopback is a host with a home of its own.
HOSTS: Final = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


@dataclass(frozen=True, slots=True)
class Sshd:
    """The server: where it listens, and the files that a client of it needs."""

    folder: Path
    port: int

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def identity(self) -> Path:
        return self.folder / "client"

    def home(self, host: str) -> Path:
        return self.folder / f"home-{host}"

    def trust(self, key: Path) -> None:
        """Write what a person who trusts ``key`` would have in known_hosts."""
        kind, code, *_ = key.with_suffix(".pub").read_text().split()
        lines = [f"[{host}]:{self.port} {kind} {code}\n" for host in HOSTS]
        self.known_hosts.write_text("".join(lines))


@contextmanager
def listening(folder: Path) -> Iterator[Sshd]:
    """Start a server that this process owns, and end it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("server", "client", "stranger"):
        make_key(folder / name)
    side = Sshd(folder, _free_port())
    side.trust(folder / "server")
    config = folder / "sshd_config"
    config.write_text(_config(side))
    # Debian's server is found by root only, and refuses to start by a relative name.
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "there is no sshd; run tools/system"
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        _wait(side, server)
        yield side
    finally:
        server.kill()
        server.wait()


def make_key(path: Path) -> None:
    """A new key pair without a passphrase."""
    told = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", str(path)]
    subprocess.run(told, check=True, stdin=subprocess.DEVNULL)


def _config(side: Sshd) -> str:
    folder = side.folder
    (folder / "authorized_keys").write_text((folder / "client.pub").read_text())
    lines = [
        *(f"ListenAddress {host}:{side.port}" for host in HOSTS),
        f"HostKey {folder / 'server'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "MaxStartups 100",
        # The one that both would agree on takes 50 ms of processor time a connection longer.
        "KexAlgorithms curve25519-sha256",
    ]
    for host in HOSTS:
        side.home(host).mkdir(exist_ok=True)
        lines += [f"Match LocalAddress {host}", f"  SetEnv HOME={side.home(host)}"]
    return "\n".join(lines) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(side: Sshd, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with socket.create_connection((HOSTS[-1], side.port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError((side.folder / "sshd.log").read_text())
