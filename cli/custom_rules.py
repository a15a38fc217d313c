"""The custom rules that a ruleset or the nearest organization brings in."""

from pathlib import Path

from cli.practice import chain_named, tree_above
from policies.rule import AnyRule


def custom_rules(ruleset: str | None) -> list[AnyRule]:
    """By their ids; of the organization above the working folder where no ruleset is named.

    Raises Unusable for a ruleset that is none, and DocumentError with all that is wrong in a file.
    """
    if ruleset:
        rulesets = [node.ruleset for node in chain_named(ruleset).nodes]
    else:
        tree = tree_above(Path.cwd())
        rulesets = list(tree.rulesets.values()) if tree else []
    found = {name: rule for each in rulesets for name, rule in each.all_custom().items()}
    return [found[name] for name in sorted(found)]
