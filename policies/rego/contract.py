"""The contract of a custom rule: what its METADATA must say and what its code may do.

Refused is what could make two engines, or two evaluations, answer differently: calls that read a
clock, a network or chance, other modules, and ``with``. All errors of a file are told at once.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.documents import DocumentError, Issue, issues
from policies.findings import Span
from policies.frozen import dataclass
from policies.plain import nearest
from policies.rego.functions import FUNCTIONS, KEYWORDS
from policies.rego.text import ModuleText
from policies.source import Mapping, Node, SourceError, core_value, read

#: Largest module that is read, in characters.
MAX_LENGTH: Final = 200_000

_METADATA: Final = re.compile(r"#\s*METADATA\s*")
_IMPORTS: Final = re.compile(r"rego\.v1|future\.keywords(\.\w+)?")
#: What YAML takes for the end of a line and Rego does not.
_LINE_ENDS: Final = re.compile("[\x85\u2028\u2029]")
_VERB: Final = re.compile(r"%(?P<verb>[^vds%]|$)")
_FORMAT: Final = re.compile(r'(?<![\w.])sprintf\(\s*(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)')


@dataclass(frozen=True, slots=True)
class Contract:
    """A module that keeps the contract: its text, its metadata and their places."""

    module: ModuleText
    root: Node
    data: dict[str, Any]
    halves: frozenset[str]


def read_contract(text: str, path: str) -> Contract:
    """Read a module; raises DocumentError with everything that is wrong, each at its place."""
    start = Span(path, 1, 1, 1, 1)
    if len(text) > MAX_LENGTH:
        told = f"{len(text):,} characters, and at most {MAX_LENGTH:,} are read"
        raise DocumentError((Issue(start, told),))
    module = ModuleText(text.replace("\r\n", "\n").replace("\r", "\n"), path)
    found = list(_code_issues(module))
    root, more = _metadata(module, start)
    data = core_value(root)
    found += more
    if found:
        raise DocumentError(found)
    return Contract(module, root, data, module.halves())


def _metadata(module: ModuleText, start: Span) -> tuple[Node, list[Issue]]:
    """The annotations above the package, read as YAML in their own lines and columns."""
    nothing = Mapping(start, {})
    if module.package is None:
        return nothing, [Issue(start, "a module starts with `package`, and this one has none")]
    at = module.span(*module.package.span())
    lines = module.text.split("\n")
    above = range(_first_comment(lines, at.line - 1), at.line - 1)
    marked = [number for number in above if _METADATA.fullmatch(lines[number])]
    if not marked:
        told = (
            "a custom rule says what it is in METADATA annotations above `package`: title, and "
            "under custom: id, severity, parameters, owner, docs and fix"
        )
        return nothing, [Issue(at, told)]
    # Blanking the marks instead of cutting them off keeps every line and column.
    blank = [""] * len(lines)
    for number in range(marked[-1] + 1, at.line - 1):
        blank[number] = " " + _LINE_ENDS.sub(" ", lines[number][1:])
    try:
        source = read("\n".join(blank), module.path)[0]
    except SourceError as error:
        return nothing, [Issue(error.span, error.message)]
    return source.root, issues(source, "custom-rule")


def _first_comment(lines: list[str], package: int) -> int:
    """The first line of the comments that stand directly above the package."""
    number = package
    while number and lines[number - 1].startswith("#"):
        number -= 1
    return number


def _code_issues(module: ModuleText) -> Iterator[Issue]:
    for word in module.imports():
        if not _IMPORTS.fullmatch(word.text):
            told = f"import of {word.text!r}: a custom rule stands alone; import only rego.v1"
            yield Issue(word.span, told)
    for word in module.data():
        yield Issue(word.span, "a custom rule reads `input` and nothing else; `data` is not given")
    for word in module.mocks():
        told = "`with` would copy the document, and change what the rule is asked about"
        yield Issue(word.span, told)
    for word in module.calls():
        if word.text not in FUNCTIONS and word.text not in KEYWORDS:
            told = f"{word.text} is no function that every engine answers alike"
            yield Issue(word.span, f"{told}{nearest(word.text, FUNCTIONS) or _advice(word.text)}")
    for word in module.unbound():
        near = nearest(word.text, module.bound()) or "; write `some` or `:=` before it is used"
        yield Issue(word.span, f"nothing gives {word.text!r} a value{near}")
    yield from _formats(module)
    if module.package is not None and not module.halves():
        at = module.span(*module.package.span())
        told = (
            "the module defines neither `lint` nor `gate`; write `lint contains finding if {...}`"
        )
        yield Issue(at, told)


def _formats(module: ModuleText) -> Iterator[Issue]:
    """Formats of numbers, which engines round and pad differently."""
    for match in _FORMAT.finditer(module.text):
        # The brackets of a call in a comment or a string are blank in the code.
        if module.code[match.start()] == " ":
            continue
        for verb in _VERB.finditer(match["text"][1:-1].replace("%%", "  ")):
            start = match.start("text") + 1 + verb.start()
            told = "engines write this verb differently; write %v, %d or %s"
            yield Issue(module.span(start, start + 2), told)


def _advice(name: str) -> str:
    """What to do instead of a function that is left out on purpose."""
    if name.startswith("time."):
        return "; the document has times as numbers: input.at, and *_unix in input.release"
    return "; the reference in docs/custom-rules.md lists them"
