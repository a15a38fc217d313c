"""The custom rules of one ruleset as an engine loads them: named by content, asked at once.

Each module gets a package named by the digest of its text, so that versions of a rule live beside
each other in one engine and a decision in flight meets the one it began with. An entry module, also
named by content, answers for all rules of the set in one question; an engine that has another
policy has no such entry, and its answer is undefined, which is an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from json import dumps
from typing import Final

from policies.rego.text import ModuleText
from policies.rule import AnyRule, Module

#: Everything of ours in an engine that others may use too.
ROOT: Final = "bakegate.custom"
_DIGITS: Final = 24


@dataclass(frozen=True, slots=True)
class Policy:
    """One module under its own package; ``rule`` is empty for the entry."""

    rule: str
    package: str
    text: str
    path: str
    halves: frozenset[str] = frozenset()

    def address(self, half: str) -> str:
        """The URL path of one of its names in OPA's data API."""
        return f"{self.package}.{half}".replace(".", "/")


@dataclass(frozen=True)
class PolicySet:
    """``rules`` in the order of their ids."""

    rules: tuple[Policy, ...]

    @classmethod
    def of(cls, rules: Iterable[AnyRule]) -> "PolicySet":
        found = {each.id: each.module for each in rules if each.module}
        return _set(tuple((name, found[name]) for name in sorted(found)))

    @cached_property
    def entry(self) -> Policy:
        lines = [
            f"{half}[{dumps(each.rule)}] := data.{each.package}.{half} if"
            f" {dumps(each.rule)} in input.rules"
            for each in self.rules
            for half in sorted(each.halves)
        ]
        body = "\n".join(("import rego.v1", "", *lines, ""))
        package = f"{ROOT}.s_{_digest(body)}"
        return Policy("", package, f"package {package}\n\n{body}", "entry", frozenset())

    @property
    def all(self) -> tuple[Policy, ...]:
        """Every module to load, the entry last."""
        return (*self.rules, self.entry)


@lru_cache(maxsize=256)
def _set(modules: tuple[tuple[str, Module], ...]) -> PolicySet:
    """One object for one set: a lint asks about every file with the same rules."""
    return PolicySet(tuple(_policy(name, module) for name, module in modules))


def _policy(rule: str, module: Module) -> Policy:
    package = f"{ROOT}.r_{_digest(module.text)}"
    renamed = ModuleText(module.text, module.path).renamed(package)
    return Policy(rule, package, renamed, module.path, module.halves)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGITS]
