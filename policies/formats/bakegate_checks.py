"""What a schema cannot say of a pipeline file: that names lead somewhere, and that numbers fit.

The checks look at nodes and skip what has the wrong form, which the schema reports, so that both
kinds of errors come in one report.
"""

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Mapping as MappingOf
from graphlib import CycleError, TopologicalSorter

from policies.documents import Issue, locate, nearest
from policies.fields import Fields, texts
from policies.formats.bakegate_ssh import ssh_issues
from policies.graphs import written_in_order
from policies.scripted import unknown_captures
from policies.source import Mapping, Node, Scalar, Sequence
from policies.stage_parts import read_requests


def issues(top: Fields) -> list[Issue]:
    stages = top.listed("stages")
    needs = _needs(top, stages)
    return [
        *_names(top, stages),
        *_unknown_needs(stages, needs),
        *_cycle(stages, needs),
        *_deployers(top, stages),
        *_sizes(top),
        *_remotes(top),
        *ssh_issues(top, stages),
        *_alarms(top, stages),
        *_waves(stages),
        *_captures(stages),
    ]


def _names(top: Fields, stages: Collection[Fields]) -> Iterator[Issue]:
    """Equal names of stages, and of steps, synthetics and targets within one stage."""
    build = top.group("build")
    yield from _repeated("stage", stages, {"build"} if build else set())
    for stage in stages:
        for key, word in (("tests", "test"), ("synthetics", "synthetic"), ("targets", "target")):
            found = stage.listed(key)
            if len(found) > 1:
                yield from _repeated(word, found, set())
    if build:
        yield from _repeated("step", build.listed("steps"), set())


def _repeated(word: str, found: Collection[Fields], known: set[str]) -> Iterator[Issue]:
    for each in found:
        if each.name and each.name in known:
            message = f"a second {word} is named '{each.name}'; give each a name of its own"
            yield Issue(each.span, message)
        known.add(each.name)


def _needs(top: Fields, stages: Iterable[Fields]) -> dict[str, list[str]]:
    """What each stage follows, as written or by order; the first of equal names counts."""
    found: dict[str, list[str]] = {}
    before = ["build"] if top.group("build") else []
    if before:
        found["build"] = []
    for stage in stages:
        written = stage.node.get("needs")
        found.setdefault(stage.name, list(texts(written)) if written else before)
        before = [stage.name]
    return found


def _unknown_needs(stages: Iterable[Fields], needs: MappingOf[str, list[str]]) -> Iterator[Issue]:
    for stage in stages:
        for item in _scalars(stage.node.get("needs")):
            if item.text not in needs:
                message = f"no stage is named '{item.text}'; {nearest(item.text, list(needs))}"
                yield Issue(item.span, message)


def _cycle(stages: Iterable[Fields], needs: MappingOf[str, list[str]]) -> Iterator[Issue]:
    """The stages of a circle of needs; of several circles the first, in time that grows evenly."""
    if written_in_order(needs):
        return
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = set(error.args[1])
        for stage in stages:
            if stage.name in circle:
                circle.discard(stage.name)
                message = f"'{stage.name}' waits for itself through {', '.join(needs[stage.name])}"
                yield Issue(stage.place("needs"), f"{message}; take one stage out of its needs")


def _deployers(top: Fields, stages: Iterable[Fields]) -> Iterator[Issue]:
    known = [each.name for each in top.named("deployers")]
    for stage in stages:
        node = stage.node.get("deploy")
        use = node.get("use") if isinstance(node, Mapping) else node
        if isinstance(use, Scalar) and use.text not in known:
            yield Issue(use.span, f"no deployer is named '{use.text}'; {nearest(use.text, known)}")


def _sizes(top: Fields) -> Iterator[Issue]:
    for each in top.named("deployers"):
        hosts, batch, healthy = (_count(each, key) for key in ("hosts", "batch", "min_healthy"))
        if hosts is None:
            continue
        if (batch or 1) + (healthy or 0) > hosts:
            message = (
                f"{healthy or 0} healthy hosts and a batch of {batch or 1} need "
                f"{(batch or 1) + (healthy or 0)} hosts, and there are {hosts}; make one smaller"
            )
            place = "min_healthy" if healthy else "batch"
            yield Issue(locate(each.node, [place]), message)


def _remotes(top: Fields) -> Iterator[Issue]:
    """What one type of deployer needs, and no other knows what to do with."""
    allowed = {item.text for item in _scalars(top.node.get("environment"))}
    for each in top.named("deployers"):
        kind = each.text("type")
        for key in ("url", "secret"):
            written = each.scalar(key)
            if kind == "webhook" and written is None:
                yield Issue(each.place("type"), f"a webhook needs {key}; write it beside type")
            elif kind != "webhook" and written is not None:
                yield Issue(written.span, f"{key} is for the type webhook; remove it")
        options = each.group("options")
        if options and "." not in kind:
            told = "options are for types of installed packages, which have a dot; remove them"
            yield Issue(options.span, told)
        secret = each.scalar("secret")
        if kind == "webhook" and secret and secret.text not in allowed:
            message = f"{secret.text} is not among the variables of environment; add it there"
            yield Issue(secret.span, message)


def _count(fields: Fields, key: str) -> int | None:
    text = fields.text(key)
    return int(text) if text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 - a count


def _alarms(top: Fields, stages: Iterable[Fields]) -> Iterator[Issue]:
    for each in top.named("alarms"):
        yield from _limits(each)
    known = [each.name for each in top.named("alarms")]
    lists = [stage.group("bake") for stage in stages]
    named = [each.node.get("alarms") for each in lists if each]
    named += [each.node.get("rollback_alarms") for each in top.named("deployers")]
    for node in named:
        for item in _scalars(node):
            if item.text not in known:
                message = f"no alarm is named '{item.text}'; {nearest(item.text, known)}"
                yield Issue(item.span, message)


def _limits(alarm: Fields) -> Iterator[Issue]:
    """An alarm is judged here by a limit, or elsewhere and reported."""
    limits = [key for key in ("negative_ratio", "negatives") if alarm.scalar(key)]
    if alarm.flag("reported"):
        for key in limits:
            message = f"a reported alarm is judged elsewhere; take {key} or reported out"
            yield Issue(alarm.node.entries[key].key.span, message)
    elif not limits:
        message = f"nothing says when '{alarm.name}' fires; write negative_ratio, negatives or "
        yield Issue(alarm.span, message + "reported: true")


def _waves(stages: Iterable[Fields]) -> Iterator[Issue]:
    for stage in stages:
        if stage.text("kind") not in ("test", "preprod"):
            continue
        for key in ("wave", "exposure"):
            if stage.scalar(key):
                message = (
                    f"only a prod stage has customers; take '{key}' out, or write 'kind: prod'"
                )
                yield Issue(stage.node.entries[key].key.span, message)


def _captures(stages: Iterable[Fields]) -> Iterator[Issue]:
    """Values in scripted requests that no request before them captures."""
    for stage in stages:
        for script in (*stage.listed("synthetics"), *stage.listed("tests")):
            written = script.listed("requests")
            if not written:
                continue
            try:
                found = unknown_captures(read_requests(script))
            except ValueError:
                continue
            for number, name in found:
                message = f"no request before this one captures '{name}'"
                yield Issue(written[number].span, message)


def _scalars(node: Node | None) -> Iterable[Scalar]:
    items = node.items if isinstance(node, Sequence) else ()
    return [item for item in items if isinstance(item, Scalar)]
