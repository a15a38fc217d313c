"""The functions of Rego that a custom rule may call: those that every engine answers alike.

What is left out reads a clock, a network or chance, or differs between OPA and the interpreter:
``time.parse_rfc3339_ns`` reads whole seconds in one and not in the other. The document gives times
as numbers instead. ``tests/policies/rego/test_functions.py`` asks every engine about each.
"""

from typing import Final

#: In the order of the Rego reference.
FUNCTIONS: Final = (
    "count",
    "max",
    "min",
    "product",
    "sort",
    "sum",
    "array.concat",
    "array.reverse",
    "array.slice",
    "intersection",
    "union",
    "object.filter",
    "object.get",
    "object.keys",
    "object.remove",
    "object.union",
    "concat",
    "contains",
    "endswith",
    "indexof",
    "lower",
    "replace",
    "split",
    "sprintf",
    "startswith",
    "strings.any_prefix_match",
    "strings.any_suffix_match",
    "substring",
    "trim",
    "trim_left",
    "trim_prefix",
    "trim_right",
    "trim_space",
    "trim_suffix",
    "upper",
    "regex.match",
    "glob.match",
    "abs",
    "ceil",
    "floor",
    "numbers.range",
    "round",
    "to_number",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_set",
    "is_string",
    "semver.compare",
    "semver.is_valid",
    "walk",
)

#: Words of the language that may stand before a bracket.
KEYWORDS: Final = frozenset(
    {"contains", "else", "every", "if", "import", "in", "not", "package", "some", "set", "with"}
)
