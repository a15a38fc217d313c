"""Where a pipeline file of Bakegate's own says which hosts are deployed to over SSH, and how.

A deployer of the type ``ssh`` says what its targets share, and each target lists its hosts and may
say the rest in another way: what stands at the target counts.
"""

from collections.abc import Iterable, Iterator

from policies.documents import Issue
from policies.facts import Fact
from policies.fields import Fields, texts
from policies.frozen import replace
from policies.pipeline import Deploy
from policies.remote import Remote, Ssh
from policies.source import Mapping, Node, Scalar, Sequence
from policies.stage_parts import duration

_NEEDED = ("folder", "known_hosts")


def reached(deploy: Deploy, deployer: Fields, stage: Fields) -> Deploy:
    """The deployer with the hosts of the stage's targets; unchanged where it is of another type.

    ``hosts`` counts those of the smallest target, because what is true there holds everywhere.
    """
    if deploy.engine.value != "ssh":
        return deploy
    shared = deployer.group("ssh")
    found = tuple(_ssh(each, each.group("ssh"), shared) for each in stage.listed("targets"))
    lists = [each.hosts for each in found]
    nothing: Fact[tuple[str, ...] | None] = Fact(None, stage.span)
    least = min(lists, key=lambda each: len(each.or_else(()) or ()), default=nothing)
    count: Fact[int | None] = Fact(len(least.or_else(()) or ()), least.span)
    return replace(deploy, remote=Remote(ssh=found), hosts=count)


def _ssh(target: Fields, own: Fields | None, shared: Fields | None) -> Ssh:
    def from_(key: str) -> Fields:
        """Where a key is said; where it is not, its absence is at the target."""
        for fields in (own, shared):
            if fields and key in fields.node.entries:
                return fields
        return own or target

    return Ssh(
        target=target.name,
        hosts=from_("hosts").names("hosts"),
        folder=from_("folder").fact("folder", str),
        known_hosts=from_("known_hosts").fact("known_hosts", str),
        identity=from_("identity").fact("identity", str),
        user=from_("user").fact("user", str),
        port=from_("port").fact("port", int),
        connect_timeout=from_("connect_timeout").fact("connect_timeout", duration),
    )


def ssh_issues(top: Fields, stages: Iterable[Fields]) -> Iterator[Issue]:
    """What a deployment over SSH needs, and what no other type of deployer knows."""
    deployers = {each.name: each for each in top.named("deployers")}
    for each in deployers.values():
        yield from _deployer(each)
    taken: dict[tuple[str, str, str], str] = {}
    for stage in stages:
        deployer = deployers.get(_used(stage))
        if deployer and deployer.text("type") == "ssh":
            yield from _stage(stage, deployer, taken)
        else:
            yield from _foreign(stage)


def _deployer(fields: Fields) -> Iterator[Issue]:
    counted, own = fields.scalar("hosts"), fields.group("ssh")
    if fields.text("type") == "ssh":
        if counted:
            told = "the hosts of the type ssh are counted where the targets list them; remove it"
            yield Issue(counted.span, told)
        if own and "hosts" in own.node.entries:
            told = "hosts are of one target; write them under ssh of each target"
            yield Issue(own.place("hosts"), told)
        return
    if own:
        yield Issue(own.span, "ssh is for the type ssh; remove it")
    # A deployer of another package may count its hosts itself, or have none.
    counts = "type" in fields.node.entries and "." not in fields.text("type")
    if counts and "hosts" not in fields.node.entries:
        yield Issue(fields.span, "'hosts' is missing: How many hosts")


def _stage(
    stage: Fields, deployer: Fields, taken: dict[tuple[str, str, str], str]
) -> Iterator[Issue]:
    targets = stage.listed("targets")
    if not targets:
        told = "what is deployed over SSH has targets, each with ssh: {hosts: [...]}; write them"
        yield Issue(stage.place("deploy"), told)
    resized = stage.group("deploy")
    if resized and resized.scalar("hosts"):
        told = "the hosts of the type ssh are counted where the targets list them; remove it"
        yield Issue(resized.place("hosts"), told)
    for target in targets:
        yield from _target(target, deployer)
        yield from _shared(stage, target, deployer, taken)


def _target(target: Fields, deployer: Fields) -> Iterator[Issue]:
    own, shared = target.group("ssh"), deployer.group("ssh")
    hosts = _list(own.node.get("hosts")) if own else ()
    if not hosts:
        told = f"target '{target.name}' is deployed to over SSH; list its hosts: ssh: {{hosts: []}}"
        yield Issue(target.span, told)
    for key in _NEEDED:
        if not any(each and each.scalar(key) for each in (own, shared)):
            told = f"a deployment over SSH needs {key}; write it under ssh, of deployer or target"
            yield Issue(target.span, told)
    batch, healthy = (_count(deployer, key) for key in ("batch", "min_healthy"))
    wanted = (batch or 1) + healthy
    if own and hosts and wanted > len(hosts):
        told = f"{healthy} healthy hosts and a batch of {batch or 1} need {wanted} hosts"
        message = f"{told}, and '{target.name}' has {len(hosts)}; make one smaller"
        yield Issue(own.place("hosts"), message)


def _shared(
    stage: Fields, target: Fields, deployer: Fields, taken: dict[tuple[str, str, str], str]
) -> Iterator[Issue]:
    """Two targets that would overwrite each other's releases on the same host."""
    groups = [each for each in (target.group("ssh"), deployer.group("ssh")) if each]
    port, folder = (
        next((each.text(key) for each in groups if each.scalar(key)), default)
        for key, default in (("port", "22"), ("folder", ""))
    )
    own = target.group("ssh")
    place = f"{stage.name}/{target.name}"
    for item in _list(own.node.get("hosts")) if own else ():
        other = taken.setdefault((item.text, port, folder), place)
        if folder and other != place:
            told = f"{folder} of {item.text} is {other}'s already; name another folder or host"
            yield Issue(item.span, told)


def _foreign(stage: Fields) -> Iterator[Issue]:
    for target in stage.listed("targets"):
        own = target.group("ssh")
        if own:
            told = "the stage's deployer is not of the type ssh; remove it or use another deployer"
            yield Issue(own.span, told)


def _used(stage: Fields) -> str:
    node = stage.node.get("deploy")
    use = node.get("use") if isinstance(node, Mapping) else node
    return use.text if isinstance(use, Scalar) else ""


def _list(node: Node | None) -> tuple[Scalar, ...]:
    items = node.items if isinstance(node, Sequence) else ()
    return tuple(item for item in items if isinstance(item, Scalar))


def _count(fields: Fields, key: str) -> int:
    found = texts(fields.node.get(key))
    return int(found[0]) if found and found[0].isdecimal() and len(found[0]) < 10 else 0  # noqa: PLR2004 - a count
