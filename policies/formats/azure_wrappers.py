"""Templates of other repositories that are given a list of environments and deploy to each."""

from collections.abc import Iterator
from typing import Final

from policies.classify import words
from policies.source import Entry, Mapping, Node, Scalar, Sequence

#: Endings of the names of such lists, and the keys by which their items name an environment.
_LISTS: Final = ("environments", "deployments")
_NAMES: Final = ("name", "environment")
_WAITS: Final = ("dependsOn", "depends_on")
#: What an item lets be done once its environment has the new version.
_AFTER: Final = "post_deploy"
#: Words of templates that look at environments and change nothing there.
_LOOKS: Final = frozenset({"plan", "test", "tests", "validate", "check", "build", "ci"})
_CHANGES: Final = frozenset({"apply", "deploy", "deployment", "cd", "release"})


def each_environment(template: Entry, given: Node | None) -> dict[str, Entry]:
    """One stage for each environment that a template is given, which the template deploys to."""
    said = set(words(template.value.text)) if isinstance(template.value, Scalar) else set()
    if said & _LOOKS and not said & _CHANGES:
        return {}
    entries = given.entries if isinstance(given, Mapping) else {}
    found = next((each for key, each in entries.items() if key.lower().endswith(_LISTS)), None)
    items = list(_items(found.value)) if found else []
    known = {_plain(name.text): name for _, name in items}
    stages = tuple(_stage(item, name, template, known) for item, name in items)
    if found is None or not stages:
        return {}
    return {"stages": Entry(found.key, Sequence(found.value.span, stages))}


def _items(given: Node) -> Iterator[tuple[Mapping, Scalar]]:
    """The items that name an environment, each with that name."""
    for item in given.items if isinstance(given, Sequence) else ():
        named = (item.get(key) for key in _NAMES) if isinstance(item, Mapping) else ()
        name = next((each for each in named if isinstance(each, Scalar) and each.text), None)
        if isinstance(item, Mapping) and name:
            yield item, name


def _stage(item: Mapping, name: Scalar, template: Entry, known: dict[str, Scalar]) -> Mapping:
    here = Entry(name, name)
    parameters = Mapping(item.span, {"environment": here})
    job = {"deployment": here, "template": template, "parameters": Entry(name, parameters)}
    jobs = [Mapping(item.span, job)]
    after = item.entries.get(_AFTER)
    if after and isinstance(after.value, Sequence):
        tests = {"job": Entry(after.key, after.key), "dependsOn": here, "steps": after}
        jobs.append(Mapping(item.span, tests))
    entries = {"stage": here, "jobs": Entry(name, Sequence(item.span, tuple(jobs)))}
    waits = next((item.entries[key] for key in _WAITS if key in item.entries), None)
    if waits:
        entries["dependsOn"] = Entry(waits.key, _named(waits.value, known))
    return Mapping(item.span, entries)


def _named(waits: Node, known: dict[str, Scalar]) -> Node:
    """The environments that one waits for, which may be written with underscores there."""
    if isinstance(waits, Sequence):
        return waits._replace(items=tuple(_named(each, known) for each in waits.items))
    return known.get(_plain(waits.text), waits) if isinstance(waits, Scalar) else waits


def _plain(name: str) -> str:
    return name.replace("-", "_")
