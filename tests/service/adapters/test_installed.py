"""Adapters of other distributions: a real one is built, installed into a folder, and used."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from policies.documents import schema_text
from policies.remote import Remote
from service.adapters.deployer_contract import DeployerContract
from service.adapters.deployers import BUILT_IN, Deployers
from service.adapters.installed import DEPLOYERS, Installed, UnusableAdapter, installed, load
from service.errors import Conflict
from service.parts import open_parts
from service.promotions.ports import DeployProgress, Host
from service.settings import Settings
from tests.service.adapters.conftest import Ground, deploy, fact

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-bakegate"
version = "1.2.0"
[project.entry-points."bakegate.deployers"]
"acme.shelf" = "acme_bakegate:shelf"
"acme.absent" = "acme_absent:shelf"
"acme.number" = "acme_bakegate:NUMBER"
"acme.half" = "acme_bakegate:half"
[project.entry-points."bakegate.notifiers"]
"acme.note" = "acme_bakegate:Note"
[project.entry-points."bakegate.builders"]
"acme.farm" = "acme_bakegate:Farm"
[project.entry-points."bakegate.testers"]
"acme.lab" = "acme_bakegate:Lab"
[project.entry-points."bakegate.probers"]
"acme.ping" = "acme_bakegate:Ping"
"ping" = "acme_bakegate:Ping"
[tool.hatch.build.targets.wheel]
packages = ["acme_bakegate.py"]
only-include = ["acme_bakegate.py"]
"""

#: What somebody else writes: a deployer that puts artifacts on a shelf, one folder for each target.
CODE = '''\
"""Deploys by putting the artifact on a shelf."""
import fcntl, json, tarfile, time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from service.promotions.ports import DEPLOY_WITHIN, DeployProgress, Fenced, Host

NUMBER = 7


class Shelf:
    def __init__(self, place):
        self.place = place

    def advance(self, order):
        return self._once(order, self._put)

    def abort(self, order):
        told = "aborted before it was on the shelf"
        return self._once(order, lambda *_: DeployProgress("failed", 0, 1, 0, told, "abort"))

    def hosts(self, pipeline, stage, target):
        kept = self._read(self._folder(pipeline, stage, target))
        return (Host(target, "shelf://", kept["digest"]),) if "digest" in kept else ()

    def _once(self, order, act):
        folder = self._folder(order.pipeline, order.stage, order.target)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self._read(folder)
            if order.epoch < kept.get("epoch", 0):
                raise Fenced(f"{order.key} is older than what is on the shelf")
            kept["epoch"] = order.epoch
            if order.key not in kept.setdefault("results", {}):
                progress = act(order, kept)
                if progress.state != "running":
                    kept["results"][order.key] = asdict(progress)
            incoming = folder / "incoming"
            incoming.write_text(json.dumps(kept))
            incoming.rename(folder / "kept")
            said = kept["results"].get(order.key)
            return DeployProgress(**said) if said else progress

    def _put(self, order, kept):
        within = order.deploy.deadline.or_else(None) or DEPLOY_WITHIN
        begun = kept.setdefault("begun", {}).setdefault(order.key, time.time())
        with tarfile.open(self.place.artifacts.path(order.digest)) as archive:
            version = archive.extractfile("version").read().decode()
        if version == "ill":
            return DeployProgress("failed", 0, 1, 0, "it does not fit", "failure")
        if version == "endless":
            if time.time() < begun + within.total_seconds():
                return DeployProgress("running", 0, 1, 0)
            return DeployProgress("failed", 0, 1, 0, "the shelf is far away", "deadline")
        kept["digest"] = order.digest
        return DeployProgress("succeeded", 1, 1, 0)

    def _folder(self, *names):
        return self.place.folder.joinpath(*names)

    def _read(self, folder):
        path = folder / "kept"
        return json.loads(path.read_text()) if path.exists() else {}


def shelf(place):
    return Shelf(place)


def half(place):
    return object()


class Placed:
    def __init__(self, place):
        self.place = place


class Farm(Placed):
    def build(self, order): ...


class Lab(Placed):
    def run(self, order): ...


class Ping(Placed):
    def ask(self, url, requests): ...


class Note:
    via = "acme.note"

    def send(self, letter):
        Path("notes").open("a").write(letter.subject)
'''

LISTED = """\
builder    local        built in
builder    acme.farm    acme-bakegate 1.2.0 (acme_bakegate:Farm)
deployer   command      built in
deployer   local        built in
deployer   ssh          built in
deployer   webhook      built in
deployer   acme.absent  acme-bakegate 1.2.0 (acme_absent:shelf)
deployer   acme.half    acme-bakegate 1.2.0 (acme_bakegate:half)
deployer   acme.number  acme-bakegate 1.2.0 (acme_bakegate:NUMBER)
deployer   acme.shelf   acme-bakegate 1.2.0 (acme_bakegate:shelf)
notifier   mail         built in
notifier   webhook      built in
notifier   acme.note    acme-bakegate 1.2.0 (acme_bakegate:Note)
prober     http         built in
prober     acme.ping    acme-bakegate 1.2.0 (acme_bakegate:Ping)
prober     ping         acme-bakegate 1.2.0 (acme_bakegate:Ping)  has no dot in its name; names \
without one are Bakegate's own
tester     command      built in
tester     acme.lab     acme-bakegate 1.2.0 (acme_bakegate:Lab)
"""

#: The test file that its author runs.
SUITE = '''\
import io, tarfile
from dataclasses import replace

import pytest

from policies.formats import read_pipelines
from service.adapters.artifacts import ArtifactStore
from service.adapters.deployer_contract import DeployerContract
from service.adapters.deployers import Deployers
from service.promotions.ports import DeployOrder

PIPELINE = b"""
schema: bakegate/pipeline/v1
name: shop
organization: corner
deployers: {ours: {type: acme.shelf, deadline: 10m, options: {row: "7"}}}
stages: [{name: prod, kind: prod, wave: 1, deploy: ours}]
"""


class TestShelf(DeployerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        self.artifacts = ArtifactStore(tmp_path / "artifacts")

    def deployer(self):
        return Deployers({}, self.folder / "installed", self.artifacts)

    def order(self, version):
        path = self.folder / "app.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo("version")
            member.size = len(version)
            archive.addfile(member, io.BytesIO(version.encode()))
        (pipeline,) = read_pipelines(PIPELINE, "p.yaml").pipelines
        how = pipeline.stages[0].deploy
        digest = self.artifacts.put(path)
        return DeployOrder("k", 1, "r", "shop", "prod", "eu-1", digest, how, rollback=False)
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the distribution, with its metadata."""
    project, site = (tmp_path_factory.mktemp(name) for name in ("project", "site"))
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "acme_bakegate.py").write_text(CODE)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([*pip, str(project)], check=True)
    assert (site / "acme_bakegate-1.2.0.dist-info" / "entry_points.txt").exists()
    return site


@pytest.fixture
def brought(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("acme_bakegate", None)


def test_it_keeps_the_contract_that_is_shipped(site: Path, tmp_path: Path) -> None:
    """As its author runs it: in a process of its own, with the package on the path."""
    (tmp_path / "test_shelf.py").write_text(SUITE)
    paths = os.pathsep.join([str(site), str(Path(__file__).parents[3])])
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shelf.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    tests = [name for name in dir(DeployerContract) if name.startswith("test_")]
    assert f"{len(tests)} passed" in ran.stdout


@pytest.mark.usefixtures("brought")
def test_nothing_is_imported_before_it_is_used(ground: Ground) -> None:
    assert installed(DEPLOYERS)[-1] == Installed(
        "acme.shelf", "acme_bakegate:shelf", "acme-bakegate", "1.2.0"
    )
    folder = ground.folder / "installed"
    deployers = Deployers({}, folder, ground.artifacts)
    assert deployers.hosts("shop", "prod", "eu-1") == ()
    assert "acme_bakegate" not in sys.modules
    how = replace(deploy(), engine=fact("acme.shelf"), remote=Remote(options=(("row", "7"),)))
    order = ground.order("k1", ground.built("one"), how)
    assert deployers.advance(order) == DeployProgress("succeeded", 1, 1, 0)
    # Another process, which did not deploy itself, finds the hosts as well.
    other = Deployers({}, folder, ground.artifacts)
    assert other.hosts("shop", "prod", "eu-1") == (Host("eu-1", "shelf://", order.digest),)


@pytest.mark.usefixtures("brought")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "acme.shelv",
            (
                "no deployer acme.shelv is installed where Bakegate works; installed are: "
                "acme.absent, acme.half, acme.number, acme.shelf; install the package that brings "
                "it"
            ),
        ),
        (
            "acme.absent",
            (
                "deployer acme.absent of acme-bakegate 1.2.0 cannot be loaded (acme_absent:shelf): "
                "ModuleNotFoundError: No module named 'acme_absent'"
            ),
        ),
        (
            "acme.number",
            (
                "deployer acme.number of acme-bakegate 1.2.0 is no function that makes one "
                "(acme_bakegate:NUMBER)"
            ),
        ),
        ("acme.half", "acme.half made a object, which has no abort, advance, hosts"),
    ],
)
def test_what_cannot_be_used_says_why(ground: Ground, name: str, told: str) -> None:
    deployers = Deployers({}, ground.folder / "installed", ground.artifacts)
    how = replace(deploy(), engine=fact(name))
    with pytest.raises(UnusableAdapter) as caught:
        deployers.advance(ground.order("k1", ground.built("one"), how))
    assert str(caught.value) == told
    # Nothing of it is left over that would be asked for hosts.
    assert deployers.hosts("shop", "prod", "eu-1") == ()


def test_hosts_of_others_are_found_where_a_deployer_was_removed(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ground.folder / "installed"
    (folder / "acme.shelf").mkdir(parents=True)
    ground.finish(ground.order("k1", ground.built("one"), deploy()))
    deployers = Deployers({"local": ground.deployer}, folder, ground.artifacts)
    assert len(deployers.hosts("shop", "prod", "eu-1")) == 1
    assert "no deployer acme.shelf is installed" in caplog.text


def test_the_schema_names_the_types_that_are_built_in() -> None:
    deployers = json.loads(schema_text("pipeline"))["properties"]["deployers"]
    first, _ = deployers["additionalProperties"]["properties"]["type"]["anyOf"]
    assert tuple(first["enum"]) == BUILT_IN


def test_two_distributions_with_one_name(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other-0.1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 0.1\n")
    (other / "entry_points.txt").write_text("[bakegate.deployers]\nacme.shelf = other:shelf\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.syspath_prepend(str(tmp_path))
    told = "acme-bakegate 1.2.0 and other 0.1 both bring a deployer acme.shelf; remove one of them"
    with pytest.raises(UnusableAdapter, match=told):
        load(DEPLOYERS, "acme.shelf")


@pytest.mark.usefixtures("brought")
def test_the_settings_choose_who_builds_tests_and_probes(tmp_path: Path) -> None:
    names = {"builder": "acme.farm", "tester": "acme.lab", "prober": "acme.ping"}
    parts = open_parts(Settings.model_validate({"data_folder": tmp_path} | names))
    ports = parts.executor.ground.ports
    for made, kind, name in (
        (ports.builder, "builders", "acme.farm"),
        (ports.tester, "testers", "acme.lab"),
        (ports.prober, "probers", "acme.ping"),
    ):
        place = cast("Any", made).place
        assert place.folder == tmp_path / "others" / kind / name
        assert place.folder.is_dir()
        assert place.hosts("shop", "prod", "eu-1") == ()
    parts.close()


@pytest.mark.usefixtures("brought")
@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (
            {"builder": "acme.barn"},
            "no builder acme.barn is installed where Bakegate works; installed are: acme.farm",
        ),
        ({"prober": "ping"}, "prober ping: names without a dot are Bakegate's own"),
    ],
)
def test_a_service_does_not_start_without_what_was_chosen(
    tmp_path: Path, chosen: dict[str, str], told: str
) -> None:
    with pytest.raises(Conflict, match=told):
        open_parts(Settings.model_validate({"data_folder": tmp_path} | chosen))


def test_the_command_lists_what_is_there(site: Path) -> None:
    """In a process of its own, as a person calls it."""

    def call(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-P", "-c", "from cli.main import run; run()", "adapters", *words],
            env={**os.environ, "PYTHONPATH": f"{Path(__file__).parents[3]}{os.pathsep}{site}"},
            capture_output=True,
            text=True,
            check=False,
        )

    said = call()
    assert said.returncode == 2, said.stderr
    assert said.stdout == LISTED
    checked = call("--check", "--format", "json")
    assert checked.returncode == 2
    problems = {each["name"]: each["problem"] for each in json.loads(checked.stdout)}
    assert problems["acme.shelf"] == problems["ssh"] == ""
    assert problems["acme.absent"].endswith("No module named 'acme_absent'")
