"""Deployers of Bakegate's own format that reach hosts over SSH, or that other packages bring."""

from datetime import timedelta

from policies.facts import Fact
from policies.findings import Span
from policies.formats import Read, read_pipelines


def read(text: str) -> Read:
    return read_pipelines(text.encode(), "p.yaml")


FLEET = """\
schema: bakegate/pipeline/v1
name: shop
organization: retail
deployers:
  fleet:
    type: ssh
    batch: 1
    min_healthy: 1
    ssh: {user: deploy, port: 2222, folder: /srv/shop, known_hosts: /etc/known_hosts}
stages:
  - name: prod
    kind: prod
    deploy: fleet
    targets:
      - {name: eu-1, ssh: {hosts: [web-1.example, web-2.example, "::1"], connect_timeout: 5s}}
      - {name: eu-2, ssh: {hosts: [10.0.0.1, 10.0.0.2], port: 22, folder: ~/shop}}
"""


def test_hosts_over_ssh_stand_at_the_targets() -> None:
    found = read(FLEET)
    assert found.problems == ()
    deploy = found.pipelines[0].stages[0].deploy
    assert deploy is not None
    assert deploy.engine.value == "ssh"
    # The smallest target says how many hosts there are.
    assert deploy.hosts == Fact(2, Span("p.yaml", 16, 28, 16, 33))
    assert deploy.remote is not None
    first, second = deploy.remote.ssh
    assert (first.target, second.target) == ("eu-1", "eu-2")
    assert first.hosts.value == ("web-1.example", "web-2.example", "::1")
    assert first.folder == Fact("/srv/shop", Span("p.yaml", 9, 45, 9, 54))
    assert (first.user.value, first.port.value, first.identity.value) == ("deploy", 2222, None)
    assert first.connect_timeout.value == timedelta(seconds=5)
    assert (second.port.value, second.folder.value) == (22, "~/shop")


def _wrong(old: str, new: str) -> list[str]:
    assert old in FLEET
    told = [
        f"{each.span.line}:{each.span.column} {each.message}"
        for each in read(FLEET.replace(old, new)).problems
    ]
    return sorted(told)


def test_what_a_deployment_over_ssh_needs() -> None:
    assert _wrong(", known_hosts: /etc/known_hosts", "") == [
        "15:16 a deployment over SSH needs known_hosts; write it under ssh, of deployer or target",
        "16:16 a deployment over SSH needs known_hosts; write it under ssh, of deployer or target",
    ]
    assert _wrong("hosts: [10.0.0.1, 10.0.0.2], port: 22", "port: 22") == [
        "16:16 target 'eu-2' is deployed to over SSH; list its hosts: ssh: {hosts: []}"
    ]
    assert _wrong("min_healthy: 1", "min_healthy: 2") == [
        "16:28 2 healthy hosts and a batch of 1 need 3 hosts, and 'eu-2' has 2; make one smaller"
    ]
    assert _wrong("[10.0.0.1, 10.0.0.2]", "[-oProxyCommand=x, 10.0.0.2]") == [
        '16:36 "-oProxyCommand=x" is not allowed; A name or an address.'
    ]
    assert _wrong("min_healthy: 1", "hosts: 3") == [
        "8:12 the hosts of the type ssh are counted where the targets list them; remove it"
    ]
    assert _wrong("deploy: fleet", "deploy: {use: fleet, hosts: 1}") == [
        "13:33 the hosts of the type ssh are counted where the targets list them; remove it"
    ]
    assert _wrong("known_hosts: /etc/known_hosts}", "known_hosts: /k, hosts: [a]}") == [
        "9:73 hosts are of one target; write them under ssh of each target"
    ]


def test_two_targets_share_no_folder_of_a_host() -> None:
    assert _wrong(
        "[10.0.0.1, 10.0.0.2], port: 22, folder: ~/shop", "[web-3.example, web-2.example]"
    ) == [
        "16:51 /srv/shop of web-2.example is prod/eu-1's already; name another folder or host",
    ]


def test_ssh_is_for_its_own_type() -> None:
    told = "the stage's deployer is not of the type ssh; remove it or use another deployer"
    assert _wrong("type: ssh", "type: local") == [
        f"15:22 {told}",
        f"16:22 {told}",
        "5:3 'hosts' is missing: How many hosts",
        "9:5 ssh is for the type ssh; remove it",
    ]
    (said,) = _wrong(FLEET[FLEET.index("    targets") :], "")
    told = "what is deployed over SSH has targets, each with ssh: {hosts: [...]}; write them"
    assert said == f"13:13 {told}"


def test_deployers_of_other_packages_have_a_dot_and_options() -> None:
    text = FLEET[: FLEET.index("    batch")].replace("type: ssh", "type: acme.nomad")
    text += (
        '    options: {job: shop, count: "7"}\nstages: [{name: prod, kind: prod, deploy: fleet}]\n'
    )
    found = read(text)
    assert found.problems == ()
    deploy = found.pipelines[0].stages[0].deploy
    assert deploy is not None
    assert deploy.remote is not None
    assert deploy.remote.options == (("job", "shop"), ("count", "7"))
    (wrong,) = read(text.replace("acme.nomad", "command\n    hosts: 1")).problems
    assert (wrong.span.line, wrong.span.column) == (8, 5)
    told = "options are for types of installed packages, which have a dot; remove them"
    assert wrong.message == told
    (typo,) = read(text.replace("acme.nomad", "comand\n    hosts: 1")).problems[:1]
    assert typo.message == (
        '"comand" is not allowed; command, local, ssh, webhook, or of an installed package, as '
        "acme.nomad"
    )
