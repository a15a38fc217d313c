"""Engines held to one contract: the same answers from all, and errors that say what to do."""

import os
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.rego_cases import outcomes
from policies.rego.bundle import bundle
from policies.rego.choice import ChosenRego
from policies.rego.document import Document
from policies.rego.embedded import Embedded
from policies.rego.policies import PolicySet
from policies.rego.port import Answer, Rego, RegoError, ask
from policies.rego.process import _GUARD, OpaProcess
from policies.rego.server import server
from policies.rego.settings import Engine, Policies, RegoSettings
from policies.ruleset import read_ruleset
from policies.ruleset.custom import read_custom

RuleText = Callable[..., str]

EXAMPLES = Path(__file__).parents[3] / "rulesets" / "examples" / "rego"
CASES = sorted(EXAMPLES.glob("*.rego-cases.yaml"))
TIMEOUT = 30.0
DOCUMENT = Document({"rules": ["some-rule"], "half": "lint"})
#: Long for any machine, and no recursion: Rego knows none.
ENDLESS = """lint contains x if {
	some a in numbers.range(1, 3000)
	some b in numbers.range(1, 3000)
	some c in numbers.range(1, 3000)
	x := (a + b) + c
	x < 0
}"""


def policies(text: str) -> PolicySet:
    return PolicySet.of([read_custom(text, "rule.rego")])


@pytest.fixture
def seen(rule_text: RuleText) -> PolicySet:
    return policies(rule_text('lint contains {"path": ["pipeline"], "message": "seen"}'))


ANSWER = Answer([{"path": ["pipeline"], "message": "seen"}])


@pytest.mark.parametrize("cases", CASES, ids=[each.name.partition(".")[0] for each in CASES])
def test_every_example_answers_alike(rego: Rego, cases: Path) -> None:
    found = list(outcomes(cases, rego))
    assert {each.name: [str(issue) for issue in each.wrong] for each in found} == {
        each.name: [] for each in found
    }
    assert len(found) > 1


def test_every_example_has_cases() -> None:
    rules = [each.stem for each in sorted(EXAMPLES.glob("*.rego"))]
    assert [each.name.removesuffix(".rego-cases.yaml") for each in CASES] == rules
    assert len(rules) == 6


def test_the_ruleset_of_the_examples_names_them_all() -> None:
    text = (EXAMPLES / "ruleset.yaml").read_text(encoding="utf-8")
    ruleset = read_ruleset(text, "ruleset.yaml", lambda path: (EXAMPLES / path).read_text("utf-8"))
    assert sorted(ruleset.all_custom()) == [each.stem for each in sorted(EXAMPLES.glob("*.rego"))]


def test_an_engine_says_its_name(rego: Rego) -> None:
    assert rego.name().split()[0] in ("OPA", "regopy")


def test_an_engine_says_its_name_whatever_its_rules_do(rego: Rego, rule_text: RuleText) -> None:
    fails = policies(rule_text('lint contains {"path": [], "message": "x"} if 1 / 0 == 1'))
    rego.ask(fails, "lint", DOCUMENT)
    assert rego.name().split()[0] in ("OPA", "regopy")


def test_a_compiler_tells_what_is_wrong_and_where(rego: Rego, rule_text: RuleText) -> None:
    (issue,) = rego.check(policies(rule_text("lint := [1\n\nx := 2")))[:1]
    assert (issue.span.path, issue.span.line >= 14) == ("rule.rego", True)
    assert issue.message


def changed(settings: RegoSettings, words: Mapping[str, Any]) -> RegoSettings:
    return replace(settings, **words)


@dataclass(frozen=True, slots=True)
class Secure:
    """A real OPA that speaks TLS and wants to know who asks."""

    settings: RegoSettings
    folder: Path

    def other(self, **changes: str) -> RegoSettings:
        return changed(self.settings, changes)


KNOWN = "let-me-in"
AUTHORIZATION = """package system.authz

default allow := false

allow if input.identity in {"let-me-in", "CN=bakegate"}
"""


@pytest.fixture(scope="module", params=["token", "tls"])
def secure(
    request: pytest.FixtureRequest, opa_program: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Secure]:
    """Once with a token, once with a certificate of the client."""
    folder = tmp_path_factory.mktemp("opa")
    _certificates(folder)
    (folder / "authz.rego").write_text(AUTHORIZATION)
    words = [f"--authentication={request.param}", "--authorization=basic", "authz.rego"]
    words += ["--tls-cert-file=server.pem", "--tls-private-key-file=server.key"]
    words += ["--tls-ca-cert-file=ca.pem"]
    with _served(opa_program, folder, *words) as address:
        given = {"token": KNOWN} if request.param == "token" else _files(folder, "client")
        url, ca = f"https://{address}", str(folder / "ca.pem")
        settings = changed(RegoSettings(url=url, ca=ca, timeout=TIMEOUT), given)
        _wait(settings)
        yield Secure(settings, folder)


def _files(folder: Path, name: str) -> dict[str, str]:
    return {"certificate": str(folder / f"{name}.pem"), "key": str(folder / f"{name}.key")}


@contextmanager
def _served(program: str, folder: Path, *words: str) -> Iterator[str]:
    port = _free_port()
    every = [program, "run", "--server", f"--addr=127.0.0.1:{port}", "--log-level=error"]
    running = subprocess.Popen([*every, "--skip-version-check", *words], cwd=folder)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def _certificates(folder: Path) -> None:
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch")
    own = ("-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, "-x509", "-days", "2", *own)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "names")
    for name, subject in (("server", "opa"), ("client", "bakegate"), ("stranger", "stranger")):
        openssl(*new, "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-days", "2", *by, "-in", f"{name}.csr", "-out", f"{name}.pem")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(settings: RegoSettings) -> None:
    rego = server(settings)
    for _ in range(600):
        try:
            rego.name()
        except RegoError:
            # Not a timing assertion: the server is not there yet.
            threading.Event().wait(0.05)
        else:
            break
    rego.close()


def test_a_server_is_asked_over_tls_by_somebody_it_knows(secure: Secure, seen: PolicySet) -> None:
    rego = ChosenRego(secure.settings)
    answers = rego.ask(seen, "lint", DOCUMENT)
    assert (answers.engine.split()[0], answers.said) == ("OPA", {"some-rule": ANSWER})
    assert rego.name() == answers.engine
    rego.close()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ca": ""}, "cannot be reached ([SSL: CERTIFICATE_VERIFY_FAILED]"),
        ({"ca": "no-such-file"}, "the certificates of OPA cannot be used (no-such-file"),
        ({"url": "opa:8181"}, "'opa:8181' is no address of an OPA; write http://127.0.0.1:8181"),
    ],
)
def test_what_keeps_a_server_from_answering_is_told(
    secure: Secure, seen: PolicySet, changes: dict[str, str], told: str
) -> None:
    rego = ChosenRego(secure.other(**changes))
    said = ask(rego, seen, "lint", DOCUMENT).said["some-rule"]
    assert told in said.error
    rego.close()


def test_a_stranger_is_refused(secure: Secure, seen: PolicySet) -> None:
    changes = {"token": "x"} if secure.settings.token else _files(secure.folder, "stranger")
    rego = ChosenRego(secure.other(**changes))
    said = ask(rego, seen, "lint", DOCUMENT).said["some-rule"]
    assert "refuses (HTTP 401: request rejected by administrative policy; check" in said.error
    rego.close()


def test_a_server_that_forgot_the_rules_gets_them_again(opa: Rego, seen: PolicySet) -> None:
    opa.ask(seen, "lint", DOCUMENT)
    held = opa._opa()  # type: ignore[attr-defined]  # the program behind the port
    held._http.delete(f"/v1/policies/{seen.entry.package.replace('.', '/')}")
    assert opa.ask(seen, "lint", DOCUMENT).said == {"some-rule": ANSWER}


def test_a_bundle_answers_without_an_upload(
    opa_program: str, tmp_path: Path, seen: PolicySet, rule_text: RuleText
) -> None:
    (tmp_path / "bundle.tar.gz").write_bytes(bundle([seen]))
    with _served(opa_program, tmp_path, "--bundle", "bundle.tar.gz") as address:
        url = f"http://{address}"
        settings = RegoSettings(url=url, timeout=TIMEOUT, policies=Policies.BUNDLE)
        _wait(settings)
        rego = ChosenRego(settings)
        assert rego.ask(seen, "lint", DOCUMENT).said == {"some-rule": ANSWER}
        newer = policies(rule_text("lint := []"))
        said = ask(rego, newer, "lint", DOCUMENT).said["some-rule"]
        rego.close()
    assert "it needs the bundle of: bakegate rego bundle" in said.error


def test_equal_rules_give_an_equal_bundle(seen: PolicySet) -> None:
    assert bundle([seen]) == bundle([seen, seen])


class _Silent(BaseHTTPRequestHandler):
    """A server that is none: says nothing for longer than anybody waits, or no JSON."""

    answer = b""

    def do_PUT(self) -> None:
        if not self.answer:
            threading.Event().wait(2)
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "did not answer within 0.3 s"),
        (b"<html>", "is no OPA: no JSON"),
        (b"[]", "is no OPA: no object"),
        (b"{" + b" " * 16_000_001, "has more than 16,000,000 bytes"),
    ],
)
def test_a_server_that_is_no_opa_is_an_error(seen: PolicySet, answer: bytes, told: str) -> None:
    handler = type("Handler", (_Silent,), {"answer": answer})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{http.server_port}"
        rego = ChosenRego(RegoSettings(url=url, timeout=TIMEOUT if answer else 0.3))
        said = ask(rego, seen, "lint", DOCUMENT).said["some-rule"]
        rego.close()
        http.shutdown()
    assert told in said.error


def test_a_rule_that_does_not_end_is_an_error_and_the_next_one_is_answered(
    opa_program: str, rule_text: RuleText, seen: PolicySet
) -> None:
    for rego in (Embedded(2.0), OpaProcess(opa_program, 2.0)):
        said = ask(rego, policies(rule_text(ENDLESS)), "lint", DOCUMENT).said["some-rule"]
        assert "did not answer within 2 s" in said.error
        assert ask(rego, seen, "lint", DOCUMENT).said["some-rule"] == ANSWER
        rego.close()


def test_a_killed_process_is_started_again(opa_program: str, seen: PolicySet) -> None:
    program, interpreter = OpaProcess(opa_program, TIMEOUT), Embedded(TIMEOUT)
    assert program.ask(seen, "lint", DOCUMENT).said == {"some-rule": ANSWER}
    assert program._running is not None
    os.kill(program._running[0].pid, signal.SIGKILL)
    program._running[0].wait()
    assert program.ask(seen, "lint", DOCUMENT).said == {"some-rule": ANSWER}
    program.close()
    assert interpreter.ask(seen, "lint", DOCUMENT).said == {"some-rule": ANSWER}
    assert interpreter._process is not None
    os.kill(interpreter._process.pid, signal.SIGKILL)
    interpreter._process.wait()
    assert interpreter.ask(seen, "lint", DOCUMENT).said == {"some-rule": ANSWER}
    interpreter.close()


def test_the_socket_of_the_program_is_ours_alone_and_goes_with_it(
    opa_program: str, seen: PolicySet
) -> None:
    rego = OpaProcess(opa_program, TIMEOUT)
    rego.ask(seen, "lint", DOCUMENT)
    assert rego._running is not None
    process, folder, _ = rego._running
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "opa.sock").stat().st_mode) == 0o600
    rego.close()
    assert process.poll() is not None
    assert not folder.exists()


def test_what_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, seen: PolicySet) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    for settings, told in (
        (RegoSettings(engine=Engine.OPA), "there is no `opa` on the PATH; install Open Policy"),
        (RegoSettings(engine=Engine.OPA, program="/no/opa"), "there is no program '/no/opa'"),
        (RegoSettings(engine=Engine.SERVER), "'' is no address of an OPA"),
    ):
        said = ask(ChosenRego(settings), seen, "lint", DOCUMENT).said["some-rule"]
        assert told in said.error


def test_a_program_that_is_no_opa_is_told(seen: PolicySet) -> None:
    rego = OpaProcess("/bin/false", TIMEOUT)
    said = ask(rego, seen, "lint", DOCUMENT).said["some-rule"]
    assert "/bin/false cannot be run as a server" in said.error
    rego.close()


def test_whoever_is_killed_leaves_neither_the_program_nor_its_folder(tmp_path: Path) -> None:
    """The guard alone, around a program that waits for ever: its pipe closes as by a kill."""
    folder = tmp_path / "bakegate-opa-x"
    folder.mkdir()
    (folder / "log").touch()
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "sh", "sleep", "600"],
        stdin=subprocess.PIPE,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(120) == -signal.SIGTERM
    end = time.monotonic() + 120
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not folder.exists()
