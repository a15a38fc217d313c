"""Workflows and composite actions of the same repository, put where a workflow calls them.

The jobs of a called workflow stand in place of the call, with its inputs filled in; a call of one
job keeps the caller's name. Actions that only a run fetches are not there to be read: they stay.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from policies.fields import texts
from policies.findings import Span
from policies.formats.follower import Follower, NotFollowed, Part
from policies.formats.github_matrix import choices
from policies.frozen import dataclass
from policies.patterns import pattern
from policies.source import Entry, Node, Scalar, Sequence
from policies.source import Mapping as MappingNode

#: Most values that calls may write out.
_MOST: Final = 100_000
#: GitHub nests at most ten levels of called workflows, and of composite actions.
_LEVELS: Final = 10
_LOCAL: Final = "./"
_INPUT: Final = pattern(r"\$\{\{\s*inputs\.([\w-]+)\s*\}\}")
#: A condition that asks nothing but an input.
_ASKS: Final = pattern(r"(?:\$\{\{)?\s*inputs\.([\w-]+)\s*(?:(==|!=)\s*'([^']*)'\s*)?(?:\}\})?")
#: What a called workflow says for all of its jobs, and what its caller says for it.
_SHARED: Final = ("permissions", "concurrency")


class _Job(NamedTuple):
    """A job that is written out; ``first`` waits for nothing inside of its own workflow."""

    name: str
    entry: Entry
    needs: tuple[str, ...]
    first: bool


@dataclass(slots=True)
class Calls:
    """Writes one workflow out."""

    follower: Follower
    count: int = 0

    def written_out(self, root: MappingNode) -> MappingNode:
        jobs = root.entries.get("jobs")
        if jobs is None or not isinstance(jobs.value, MappingNode):
            return root
        found = {
            job.name: Entry(job.entry.key, _waiting(job))
            for job in self._jobs(jobs.value, self.follower.chain)
        }
        whole = Entry(jobs.key, MappingNode(jobs.value.span, found, jobs.value.duplicates))
        return MappingNode(root.span, {**root.entries, "jobs": whole}, root.duplicates)

    def _jobs(self, jobs: MappingNode, chain: tuple[str, ...]) -> list[_Job]:
        """The jobs of one workflow, those that it calls in their places."""
        inner = {name: self._job(name, entry, chain) for name, entry in jobs.entries.items()}
        ends = {name: _ends(each) for name, each in inner.items()}
        found: list[_Job] = []
        for name, each in inner.items():
            own = [need for need in _needs(jobs.entries[name].value) if need in ends]
            above = tuple(dict.fromkeys(end for need in own for end in ends[need]))
            found.extend(
                _Job(job.name, job.entry, above, first=not own) if job.first else job
                for job in each
            )
        return found

    def _job(self, name: str, entry: Entry, chain: tuple[str, ...]) -> list[_Job]:
        if not isinstance(entry.value, MappingNode):
            return [_Job(name, entry, (), first=True)]
        return [
            inner
            for each, job in choices(name, entry.value)
            for inner in self._one(each, Entry(entry.key, job), job, chain)
        ]

    def _one(self, name: str, entry: Entry, job: MappingNode, chain: tuple[str, ...]) -> list[_Job]:
        called = self._called(job, chain)
        if called is None:
            written = Entry(_renamed(entry.key, name), self._with_steps(job, chain))
            return [_Job(name, written, (), first=True)]
        part, root, jobs = called
        inner = self._jobs(jobs, part.chain)
        single = len(inner) == 1
        names = {each.name: name if single else f"{name}/{each.name}" for each in inner}
        return [
            _Job(
                names[each.name],
                Entry(
                    _renamed(each.entry.key, names[each.name]),
                    _inherited(each.entry.value, root, job, first=each.first),
                ),
                tuple(names[need] for need in each.needs),
                each.first,
            )
            for each in inner
        ]

    def _called(
        self, job: MappingNode, chain: tuple[str, ...]
    ) -> tuple[Part, MappingNode, MappingNode] | None:
        """The local workflow that a job calls, with the inputs that it is given."""
        uses = job.get("uses")
        if not isinstance(uses, Scalar) or not uses.text.startswith(_LOCAL):
            return None
        if len(chain) > _LEVELS or self.count > _MOST:
            return None
        try:
            part = self.follower.follow(uses.text, uses.span, chain)
        except NotFollowed:
            return None
        root = part.source.root
        on = root.get("on") if isinstance(root, MappingNode) else None
        call = on.get("workflow_call") if isinstance(on, MappingNode) else None
        inputs = _given(job.get("with"), call)
        filled = self._filled(root, inputs)
        whole = root.get("jobs") if isinstance(root, MappingNode) else None
        jobs = filled.get("jobs") if isinstance(filled, MappingNode) else None
        if not isinstance(filled, MappingNode) or not isinstance(jobs, MappingNode):
            return None
        runs = {
            name: entry
            for name, entry in jobs.entries.items()
            if not isinstance(whole, MappingNode) or _runs(whole.get(name), inputs)
        }
        return (part, filled, jobs._replace(entries=runs)) if runs else None

    def _with_steps(self, job: MappingNode, chain: tuple[str, ...]) -> MappingNode:
        entry = job.entries.get("steps")
        if entry is None or not isinstance(entry.value, Sequence):
            return job
        if not any(_is_local(item) for item in entry.value.items):
            return job
        steps = tuple(each for item in entry.value.items for each in self._step(item, chain))
        written = Entry(entry.key, Sequence(entry.value.span, steps))
        return MappingNode(job.span, {**job.entries, "steps": written}, job.duplicates)

    def _step(self, item: Node, chain: tuple[str, ...]) -> Iterator[Node]:
        """The steps of a composite action in place of the step that uses it."""
        uses = item.get("uses") if isinstance(item, MappingNode) else None
        part = self._action(uses, chain) if isinstance(uses, Scalar) else None
        root = part.source.root if part else None
        runs = root.get("runs") if isinstance(root, MappingNode) else None
        steps = runs.get("steps") if isinstance(runs, MappingNode) else None
        if not part or not isinstance(item, MappingNode) or not isinstance(steps, Sequence):
            yield item
            return
        filled = self._filled(steps, _given(item.get("with"), root))
        for each in filled.items if isinstance(filled, Sequence) else ():
            if isinstance(each, MappingNode):
                yield from self._step(_guarded(each, item), part.chain)

    def _action(self, uses: Scalar, chain: tuple[str, ...]) -> Part | None:
        if not uses.text.startswith(_LOCAL) or len(chain) > _LEVELS or self.count > _MOST:
            return None
        for name in ("action.yml", "action.yaml"):
            path = f"{uses.text.rstrip('/')}/{name}"
            if self.follower.has(path):
                try:
                    return self.follower.follow(path, uses.span, chain)
                except NotFollowed:
                    return None
        return None

    def _filled(self, node: Node, inputs: Mapping[str, str]) -> Node:
        """A node with the inputs put in that have a value."""
        self.count += 1
        match node:
            case Scalar(text=text) if "inputs." in text:
                return node._replace(text=_INPUT.sub(lambda at: inputs.get(at[1], at[0]), text))
            case Scalar():
                return node
            case MappingNode(entries=entries):
                found = {
                    key: Entry(each.key, self._filled(each.value, inputs))
                    for key, each in entries.items()
                }
                return MappingNode(node.span, found, node.duplicates, node.tag)
            case Sequence(items=items):
                filled = tuple(self._filled(each, inputs) for each in items)
                return Sequence(node.span, filled, node.tag)


def _is_local(step: Node) -> bool:
    uses = step.get("uses") if isinstance(step, MappingNode) else None
    return isinstance(uses, Scalar) and uses.text.startswith(_LOCAL)


def _renamed(key: Scalar, name: str) -> Scalar:
    return key if key.text == name else Scalar(key.span, name, plain=True)


def _given(with_: Node | None, declared: Node | None) -> dict[str, str]:
    """The inputs of a call over the default values that are declared for them."""
    inputs = declared.get("inputs") if isinstance(declared, MappingNode) else None
    found: dict[str, str] = {}
    for name, entry in inputs.entries.items() if isinstance(inputs, MappingNode) else ():
        default = entry.value.get("default") if isinstance(entry.value, MappingNode) else None
        if isinstance(default, Scalar):
            found[name] = default.text
    for name, entry in with_.entries.items() if isinstance(with_, MappingNode) else ():
        if isinstance(entry.value, Scalar):
            found[name] = entry.value.text
    return found


def _runs(job: Node | None, inputs: Mapping[str, str]) -> bool:
    """Whether a called job may run; only a condition that asks one known input is decided."""
    condition = job.get("if") if isinstance(job, MappingNode) else None
    found = _ASKS.fullmatch(condition.text.strip()) if isinstance(condition, Scalar) else None
    value = inputs.get(found[1]) if found else None
    if found is None or value is None or "${{" in value:
        return True
    if found[2] is None:
        return value.lower() not in ("", "false", "0")
    return (value.lower() == found[3].lower()) is (found[2] == "==")


def _guarded(step: MappingNode, caller: MappingNode) -> MappingNode:
    """A step of an action under the condition of its caller, which also lets its failure pass."""
    more: dict[str, Entry] = {
        key: caller.entries[key]
        for key in ("if", "continue-on-error")
        if key in caller.entries and key not in step.entries
    }
    return MappingNode(step.span, {**step.entries, **more}, step.duplicates) if more else step


def _inherited(job: Node, root: MappingNode, caller: MappingNode, *, first: bool) -> Node:
    """A called job with what its workflow and its caller say for it.

    The caller's condition is that of the jobs that wait for nothing else.
    """
    if not isinstance(job, MappingNode):
        return job
    more = {key: each for key in _SHARED if (each := root.entries.get(key))}
    wanted = ("strategy", *_SHARED, *(("if",) if first else ()))
    more |= {
        key: caller.entries[key] for key in wanted if key in caller.entries and key not in more
    }
    shared, own = root.get("env"), job.get("env")
    entries = {**more, **job.entries}
    if isinstance(shared, MappingNode):
        inner = own.entries if isinstance(own, MappingNode) else {}
        env = MappingNode(shared.span, {**shared.entries, **inner})
        entries["env"] = Entry(root.entries["env"].key, env)
    return MappingNode(job.span, entries, job.duplicates)


def _needs(job: Node) -> tuple[str, ...]:
    return texts(job.get("needs")) if isinstance(job, MappingNode) else ()


def _ends(jobs: list[_Job]) -> tuple[str, ...]:
    """The jobs of a call that no other one of it waits for."""
    waited = {need for job in jobs for need in job.needs}
    return tuple(job.name for job in jobs if job.name not in waited)


def _waiting(job: _Job) -> Node:
    """A job with its needs under the names that the whole workflow uses."""
    body = job.entry.value
    if not isinstance(body, MappingNode):
        return body
    known = body.entries.get("needs")
    if known is None and not job.needs:
        return body
    entries = {key: entry for key, entry in body.entries.items() if key != "needs"}
    if job.needs:
        span: Span = known.value.span if known else job.entry.key.span
        names = tuple(Scalar(span, name, plain=True) for name in job.needs)
        key = known.key if known else Scalar(span, "needs", plain=True)
        entries["needs"] = Entry(key, Sequence(span, names))
    return MappingNode(body.span, entries, body.duplicates)
