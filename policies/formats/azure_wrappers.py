"""Templates of other repositories that are given a list of environments and deploy to each."""

from typing import Final

from policies.classify import words
from policies.source import Entry, Mapping, Node, Scalar, Sequence

_LISTS: Final = ("environments", "deploymentenvironments")
#: Words of templates that look at environments and change nothing there.
_LOOKS: Final = frozenset({"plan", "test", "tests", "validate", "check", "build", "ci"})
_CHANGES: Final = frozenset({"apply", "deploy", "cd", "release"})


def each_environment(template: Entry, given: Node | None) -> dict[str, Entry]:
    """One stage for each environment that a template is given, which the template deploys to."""
    said = set(words(template.value.text)) if isinstance(template.value, Scalar) else set()
    if said & _LOOKS and not said & _CHANGES:
        return {}
    entries = given.entries if isinstance(given, Mapping) else {}
    found = next((each for key, each in entries.items() if key.lower() in _LISTS), None)
    items = found.value.items if found and isinstance(found.value, Sequence) else ()
    stages = tuple(
        stage for item in items if isinstance(item, Mapping) and (stage := _stage(item, template))
    )
    if found is None or not stages:
        return {}
    return {"stages": Entry(found.key, Sequence(found.value.span, stages))}


def _stage(item: Mapping, template: Entry) -> Mapping | None:
    name = item.entries.get("name")
    if name is None or not isinstance(name.value, Scalar) or not name.value.text:
        return None
    parameters = Mapping(item.span, {"environment": name})
    job = {"deployment": name, "template": template, "parameters": Entry(name.key, parameters)}
    jobs = Sequence(item.span, (Mapping(item.span, job),))
    waits = {key: each for key, each in item.entries.items() if key == "dependsOn"}
    return Mapping(item.span, {"stage": name, "jobs": Entry(name.key, jobs), **waits})
