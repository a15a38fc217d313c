"""What guards a job of GitHub Actions: the rights of its token, exclusion, branches and matrix."""

from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from policies.facts import Fact, Provenance, unknown
from policies.fields import texts
from policies.findings import Span
from policies.formats.github_environments import of_job
from policies.formats.github_workflow import Workflow, condition, needs_of
from policies.graphs import written_in_order
from policies.guards import Mutex, Permissions, Queue
from policies.patterns import pattern
from policies.pipeline import Target
from policies.source import Entry, Mapping, Node, Scalar, Sequence

#: Words that differ in every run, so that a group named by them holds one run only.
_OWN_RUN: Final = pattern(r"github\.(run_id|run_number|sha)\b")
_REF_IS: Final = pattern(r"github\.(?:event\.)?ref(?:_name)?\s*==\s*'(?:refs/heads/)?([^']+)'")
_TAGGED: Final = pattern(r"startsWith\(\s*github\.ref\s*,\s*'(refs/tags/[^']*)'\s*\)")
_REF: Final = pattern(r"github\.(?:event\.)?(?:ref|ref_name|ref_type|head_ref)\b")
_EVENT_IS: Final = pattern(r"github\.event_name\s*==\s*'(\w+)'")
_EVENT_IS_NOT: Final = pattern(r"github\.event_name\s*!=\s*'(\w+)'")
#: Events whose runs may be of any branch; those that are not named here run the default branch.
_ANY: Final = frozenset({"push", "pull_request", "pull_request_target", "merge_group"})
_NUMBER: Final = pattern(r"[1-9][0-9]{0,5}")
#: Keys of a matrix that name places, as targets have them.
_PLACES: Final = ("region", "zone", "cell")


def permissions_of(holder: Mapping, place: Span) -> Fact[Permissions | None]:
    """The rights that a workflow or job gives its token; None where it says nothing."""
    entry = holder.entries.get("permissions")
    if entry is None:
        return Fact(None, place)
    return Fact(Permissions(_writes(entry.value), entry.key.span), entry.key.span)


def default_permissions(root: Mapping, place: Span) -> Fact[Permissions | None]:
    """The same of the whole file, where silence leaves it to a setting of the repository."""
    found = permissions_of(root, place)
    if found.value is not None:
        return found
    note = "without `permissions` Settings, Actions, General decides what the token may do"
    return Fact(None, place, Provenance.INFERRED, note=note)


def _writes(node: Node) -> frozenset[str]:
    match node:
        case Scalar(text="write-all"):
            return frozenset({"*"})
        case Mapping(entries=entries):
            return frozenset(name for name, each in entries.items() if _says(each, "write"))
        case _:
            return frozenset()


def _says(entry: Entry, word: str) -> bool:
    return isinstance(entry.value, Scalar) and entry.value.text == word


def mutex_of(workflow: Workflow, job: Mapping, place: Span) -> Fact[Mutex | None]:
    """The group of the job, or of the whole run, which holds and cancels its jobs with it."""
    outer, inner = _mutex(workflow.root), _mutex(job)
    if outer and outer.value and outer.value.queue is Queue.CANCEL:
        return outer
    told = [each for each in (inner, outer) if each]
    holding = (each for each in told if not each.value or each.value.queue is not Queue.PARALLEL)
    found = next(holding, None) or next(iter(told), None)
    if found:
        return found
    if job.get("uses"):
        return unknown(place, "the called workflow may name a concurrency group of its own")
    if workflow.only_called:
        return unknown(place, "the workflow that calls this one may name a concurrency group")
    return Fact(None, place)


def _mutex(holder: Mapping) -> Fact[Mutex | None] | None:
    node = holder.get("concurrency")
    if isinstance(node, Scalar) and node.text:
        return Fact(Mutex(node.text, _queue(node.text), node.span), node.span)
    group = node.get("group") if isinstance(node, Mapping) else None
    if isinstance(node, Mapping) and isinstance(group, Scalar):
        return _with_cancel(group, node.get("cancel-in-progress"))
    return None


def _queue(group: str) -> Queue:
    return Queue.PARALLEL if _OWN_RUN.search(group) else Queue.LATEST


def _with_cancel(group: Scalar, cancel: Node | None) -> Fact[Mutex | None]:
    queue, place = _queue(group.text), group.span
    # Nothing is cancelled in a group that holds one run only.
    if isinstance(cancel, Scalar) and queue is not Queue.PARALLEL:
        if "${{" in cancel.text:
            return unknown(cancel.span, f"cancel-in-progress is the expression {cancel.text}")
        if cancel.text.lower() == "true":
            queue, place = Queue.CANCEL, cancel.span
    return Fact(Mutex(group.text, queue, place), place)


def branches_of(
    workflow: Workflow, jobs: dict[str, Entry]
) -> dict[str, Fact[tuple[str, ...] | None]]:
    """The branches that each job is limited to: by its condition, by what it needs, or by ``on``.

    Tags are written ``refs/tags/v*``; ``default`` stands for the default branch.
    """
    found: dict[str, Fact[tuple[str, ...] | None]] = {}
    needs = {
        name: needs_of(entry.value, workflow.jobs) if isinstance(entry.value, Mapping) else ()
        for name, entry in jobs.items()
    }
    limits = {event: _limit_of(workflow, event) for event in sorted(workflow.events)}
    for name in _in_order(needs):
        job, place = jobs[name].value, jobs[name].key.span
        if isinstance(job, Mapping):
            before = [found[each] for each in needs[name] if each in found]
            found[name] = _limit(workflow, job, place, before, limits)
    return found


def _in_order(needs: dict[str, tuple[str, ...]]) -> list[str]:
    """Every job after those that it needs; a circle, which GitHub refuses, leaves file order."""
    if written_in_order(needs):
        return list(needs)
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return list(needs)


def _limit(
    workflow: Workflow,
    job: Mapping,
    place: Span,
    before: list[Fact[tuple[str, ...] | None]],
    limits: dict[str, tuple[str, ...]],
) -> Fact[tuple[str, ...] | None]:
    text = condition(job)
    own = job.entries["if"].value.span if text else place
    named = [_REF_IS.findall(part) + _tags(part) for part in text.split("||")] if text else [[]]
    if all(named) and "!=" not in text:
        return Fact(tuple(dict.fromkeys(name for each in named for name in each)), own)
    # A job that needs a skipped one is skipped too.
    inherited = next((each for each in before if each.value), None)
    if inherited:
        return inherited
    if _REF.search(text):
        return unknown(own, f"its condition is {' '.join(text.split())}")
    return _by_events(workflow, job, place, limits)


def _tags(part: str) -> list[str]:
    return [f"{prefix}*" for prefix in _TAGGED.findall(part)]


def _by_events(
    workflow: Workflow, job: Mapping, place: Span, of_event: dict[str, tuple[str, ...]]
) -> Fact[tuple[str, ...] | None]:
    events = _events(workflow, condition(job))
    if "workflow_call" in events:
        return unknown(place, "the workflow that calls this one decides")
    limits = [of_event[event] for event in sorted(events)]
    if all(limits):
        names = dict.fromkeys(name for each in limits for name in each)
        return Fact(tuple(names) or None, place)
    environment = of_job(job)
    if environment and environment.job:
        where = f"Settings, Environments, {environment.name}"
        return unknown(environment.span, f"the branches that may deploy stand in {where}")
    by_hand = {"workflow_dispatch"} >= {
        event for event, limit in zip(sorted(events), limits, strict=True) if not limit
    }
    if by_hand:
        note = "a person may start it from any branch"
        return Fact(None, place, Provenance.INFERRED, note=note)
    return Fact(None, place)


def _events(workflow: Workflow, text: str) -> frozenset[str]:
    """The events of the workflow that the condition of a job lets through."""
    if not text:
        return workflow.events
    parts = text.split("||")
    named = [_EVENT_IS.findall(part) for part in parts]
    if all(named):
        return workflow.events & {name for each in named for name in each}
    if len(parts) == 1:
        return workflow.events - set(_EVENT_IS_NOT.findall(text))
    return workflow.events


def _limit_of(workflow: Workflow, event: str) -> tuple[str, ...]:
    """The branches and tags of one event; empty where it may be any."""
    filters = workflow.trigger(event)
    if event == "push" and filters:
        tags = tuple(f"refs/tags/{each}" for each in texts(filters.get("tags")))
        return (*texts(filters.get("branches")), *tags)
    if event in _ANY or event == "workflow_dispatch":
        return ()
    return ("refs/tags/*",) if event == "release" else ("default",)


def spread(job: Mapping) -> dict[str, Any]:
    """The targets of a job whose matrix names places, and how many of them run at once."""
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    if not isinstance(strategy, Mapping) or not isinstance(matrix, Mapping):
        return {}
    for key in _PLACES:
        node = matrix.get(key) or matrix.get(f"{key}s")
        names = texts(node) if isinstance(node, Sequence) else ()
        if names and not any("${{" in name for name in names):
            targets = tuple(_target(key, name) for name in names)
            return {"targets": targets, "parallel": _parallel(strategy, len(names))}
    return {}


def _target(key: str, name: str) -> Target:
    region, zone, cell = (name if key == each else "" for each in _PLACES)
    return Target(name, region, zone, cell)


def _parallel(strategy: Mapping, count: int) -> int:
    most = strategy.get("max-parallel")
    written = most.text if isinstance(most, Scalar) else ""
    return min(int(written), count) if _NUMBER.fullmatch(written) else count
