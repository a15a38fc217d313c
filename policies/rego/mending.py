"""What the interpreter answers otherwise than OPA, and can be put right from outside.

In regopy 1.5.2 the text that four functions make keeps its quotes when ``sprintf`` puts it into
another one, and ``concat`` takes a set in the order in which it was written. Each is called through
a function that is added at the end of the module, so that no line moves.
"""

from typing import Final

from policies.rego.text import ModuleText

#: By function: the lines that stand in for it. Cutting off an empty suffix makes a text whole.
_MENDED: Final = {
    "concat": (
        'bakegate_concat(to, all) := trim_suffix(concat(to, all), "") if is_array(all)',
        'bakegate_concat(to, all) := trim_suffix(concat(to, sort(all)), "") if is_set(all)',
    ),
    "lower": ('bakegate_lower(text) := trim_suffix(lower(text), "")',),
    "replace": ('bakegate_replace(text, old, new) := trim_suffix(replace(text, old, new), "")',),
    "upper": ('bakegate_upper(text) := trim_suffix(upper(text), "")',),
}


def mended(text: str) -> str:
    """The module as the interpreter answers it like OPA."""
    module = ModuleText(text, "")
    called = {word.text for word in module.calls()}
    names = {name: f"bakegate_{name}" for name in _MENDED if name in called}
    if not names:
        return text
    lines = [line for name in names for line in _MENDED[name]]
    return "\n".join((module.calling(names), "", *lines, ""))
