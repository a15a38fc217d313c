"""A ruleset file as ``Ruleset``: its ``extends``, windows and entries, all errors at once."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from json import dumps
from posixpath import dirname, join, normpath
from typing import Final

from policies.documents import DocumentError, Issue, read_single
from policies.documents import issues as form_issues
from policies.durations import parse_duration
from policies.exceptions import ExceptionPolicy, Subject
from policies.frozen import dataclass, field
from policies.granted import Reach
from policies.organization import DEFAULT_ZONE
from policies.plain import nearest
from policies.rule import AnyRule
from policies.ruleset.builtin import BUILTIN, builtin_text
from policies.ruleset.conflicts import CONCERNED, Standing, conflicts
from policies.ruleset.model import Base, Ruleset, Targets, WindowText
from policies.ruleset.nodes import LEVEL
from policies.ruleset.references import (
    Fetch,
    is_remote,
    nothing_fetched,
    parse_reference,
    verified,
)
from policies.ruleset.settings import NO_CUSTOM, CustomRules, NodeReader, read_settings
from policies.source import Node, Scalar, Source, core_value, read
from policies.windows import is_address, parse_windows

#: Most files that one ruleset may expand to; a file that extends two that extend two … is a bomb.
MAX_FILES: Final = 100

Load = Callable[[str], str]
TextOf = Callable[[NodeReader, str], bytes | str]


def read_ruleset(
    text: bytes | str,
    path: str,
    load: Load,
    fetch: Fetch = nothing_fetched,
    inherited: CustomRules = NO_CUSTOM,
) -> Ruleset:
    """Read ``bakegate/ruleset/v1``; ``load`` gives the text of a file that it names.

    Paths in a ruleset are relative to its own folder; ``load`` gets them joined with it and raises
    OSError for what cannot be read, as does ``fetch`` for a pinned file elsewhere. ``inherited``
    are the custom rules of the nodes above, which the file may name. Raises DocumentError with all
    that is wrong in all files.
    """
    reading = _Reading(load, fetch, inherited)
    ruleset = reading.text(text, path, ())
    reading.issues.extend(_contradictions(ruleset))
    reading.done()
    return ruleset


def builtin(name: str) -> Ruleset:
    """A built-in ruleset; ``name`` is one of ``BUILTIN``.

    Its form is not validated here, because a test does that and the schema costs a slow import.
    """
    reading = _Reading(builtin_text, nothing_fetched, NO_CUSTOM)
    ruleset = reading.ruleset(read(builtin_text(name), name)[0], (name,))
    reading.done()
    return ruleset


@dataclass(slots=True)
class _Reading:
    """One call of ``read_ruleset``: where files come from, what was wrong in form and meaning."""

    load: Load
    fetch: Fetch
    inherited: CustomRules
    form: list[Issue] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    known: dict[tuple[str, str], Ruleset] = field(default_factory=dict)
    """By path or reference and the digest beside it."""
    too_many: bool = False

    def text(self, text: bytes | str, path: str, trail: tuple[str, ...]) -> Ruleset:
        """One file; its form may be wrong and its meaning too, and both are told at once."""
        source = read_single(text, path)
        self.form.extend(form_issues(source, "ruleset"))
        return self.ruleset(source, (*trail, path))

    def done(self) -> None:
        """Raise what was found; where the form is wrong, its meaning adds nothing."""
        told = {issue.span for issue in self.form}
        found = [*self.form, *(each for each in self.issues if each.span not in told)]
        if found:
            raise DocumentError(found)

    def ruleset(self, source: Source, trail: tuple[str, ...]) -> Ruleset:
        top = NodeReader(source.root, self.issues)
        unknown = top.mapping("on_unknown")
        bases = tuple(self._bases(top, trail))
        above = {**self.inherited, **_custom_of(bases)}
        custom = tuple(self._custom(top, source.path, above))
        nameable = {**above, **{each.id: each for each in custom}}
        return Ruleset(
            name=top.text("name"),
            path=source.path,
            span=top.node.span,
            extends=bases,
            owner=top.text("owner"),
            debate=top.text("debate"),
            on_unknown_lint=unknown.text("lint"),
            on_unknown_gate=unknown.text("gate"),
            settings=read_settings(top.mapping("rules"), nameable),
            windows=self._windows(top.child("time_windows"), source.path),
            exceptions=_exceptions(top.mapping("exceptions"), nameable),
            targets=_targets(top),
            custom=custom,
        )

    def _bases(self, top: NodeReader, trail: tuple[str, ...]) -> list[Base]:
        bases = [
            Base(entry.node.span, found)
            for entry in top.items("extends")
            if (found := self._base(entry, trail))
        ]
        if sum(base.ruleset.size for base in bases) > MAX_FILES:
            # The files above would only repeat what the first one says.
            if self.too_many:
                return []
            self.too_many = True
            told = f"extends expands to more than {MAX_FILES} files"
            self.issues.append(Issue(bases[-1].span, told))
            return []
        return bases

    def _base(self, entry: NodeReader, trail: tuple[str, ...]) -> Ruleset | None:
        reference = _reference(entry)
        if not reference:
            return None  # The schema has told what an entry looks like.
        if reference in BUILTIN:
            return self.known.setdefault((reference, ""), builtin(reference))
        if is_remote(reference):
            return self._known(entry, reference, (*trail, reference), self._remote)
        if is_remote(trail[-1]):
            told = f"{reference!r} is a path in a file that was fetched; pin it as that file is"
            self.issues.append(Issue(entry.node.span, told))
            return None
        path = normpath(join(dirname(trail[-1]), reference))
        if path in trail:
            circle = " extends ".join((*trail[trail.index(path) :], path))
            self.issues.append(Issue(entry.node.span, f"{circle}: a ruleset cannot extend itself"))
            return None
        return self._known(entry, reference, (*trail, path), self._file)

    def _known(
        self, entry: NodeReader, reference: str, trail: tuple[str, ...], text_of: TextOf
    ) -> Ruleset | None:
        """A ruleset that is read once, however often it is named."""
        path = trail[-1]
        key = (path, entry.text("sha256"))
        if key not in self.known:
            try:
                self.known[key] = self.text(text_of(entry, path), path, trail[:-1])
            except DocumentError as error:
                self.issues.extend(error.issues)
            except ValueError as error:
                self.issues.append(Issue(entry.node.span, str(error)))
            except OSError as error:
                near = nearest(reference, BUILTIN)
                told = f"{reference!r} cannot be read ({error.strerror or error}){near}"
                self.issues.append(Issue(entry.node.span, told))
        return self.known.get(key)

    def _file(self, entry: NodeReader, path: str) -> str:
        text, digest = self.load(path), entry.text("sha256")
        if digest:
            verified(path, digest, text.encode())
        return text

    def _remote(self, entry: NodeReader, reference: str) -> bytes:
        pinned = parse_reference(reference, entry.text("sha256"))
        return verified(reference, pinned.sha256, self.fetch(pinned))

    def _windows(self, node: Node | None, path: str) -> WindowText | None:
        """The windows as text; they are read once here, for their errors."""
        if node is None:
            return None
        used: dict[str, str] = {}

        def calendar(reference: str) -> str | None:
            text = self._calendar(reference, path)
            if text is not None:
                used[reference] = text
            return text

        try:
            parse_windows(node, DEFAULT_ZONE, calendars=calendar)
        except DocumentError as error:
            self.issues.extend(error.issues)
            return None
        return WindowText(dumps(core_value(node)), tuple(sorted(used.items())))

    def _calendar(self, reference: str, path: str) -> str | None:
        """The text of a calendar; None for an address of which there is no copy here."""
        if is_address(reference):
            try:
                return self.load(reference)
            except OSError:
                return None
        if is_remote(path):
            raise OSError(f"it lies beside {path}, and only rulesets are fetched")
        return self.load(normpath(join(dirname(path), reference)))

    def _custom(self, top: NodeReader, path: str, above: CustomRules) -> Iterator[AnyRule]:
        """The rules of ``custom``; an id that means two things is an error of the later file."""
        known = dict(above)
        for node, reference in top.texts("custom"):
            found = self._module(node, reference, path)
            other = known.setdefault(found.id, found) if found else None
            if found and other and other.module == found.module:
                yield found
            elif found and other and other.module:
                told = f"{found.id!r} is another rule in {other.module.path}; rename one of them"
                self.issues.append(Issue(node.span, told))

    def _module(self, node: Scalar, reference: str, path: str) -> AnyRule | None:
        if is_remote(path) or is_remote(reference):
            told = f"{reference!r}: custom rules are files beside a ruleset, and not fetched"
            self.issues.append(Issue(node.span, told))
            return None
        # Imported here: few rulesets have custom rules, and lint must start fast for the others.
        from policies.ruleset.custom import read_custom  # noqa: PLC0415 - see above

        place = normpath(join(dirname(path), reference))
        try:
            return read_custom(self.load(place), place)
        except DocumentError as error:
            self.issues.extend(error.issues)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            self.issues.append(Issue(node.span, f"{reference!r} cannot be read ({why or error})"))
        return None


def _contradictions(ruleset: Ruleset) -> Iterator[Issue]:
    """Rules that contradict each other in this one file, told beside its other errors.

    What contradicts a file above or below can only be told where all of them can be read.
    """
    levels = {
        each.rule: Standing(each.enforcement, each.spans[LEVEL])
        for each in ruleset.settings
        if each.rule in CONCERNED and each.enforcement is not None
    }
    return conflicts(levels, ruleset.span)


def _reference(entry: NodeReader) -> str:
    """What an entry of ``extends`` names: a text, or ``from`` with a digest beside it."""
    return entry.node.text if isinstance(entry.node, Scalar) else entry.text("from")


def _custom_of(bases: Iterable[Base]) -> dict[str, AnyRule]:
    return {name: rule for base in bases for name, rule in base.ruleset.all_custom().items()}


def _exceptions(reader: NodeReader, custom: CustomRules) -> ExceptionPolicy:
    """The limits; words that the schema refuses have been told of already."""
    second = [word for _, word in reader.texts("second_person") if word in list(Subject)]
    approver = reader.text("approver")
    return ExceptionPolicy(
        forbidden=frozenset(reader.rule_ids("forbidden", custom)),
        longest=reader.parsed("longest", _length),
        longest_override=reader.parsed("longest_override", _length),
        review=reader.parsed("review", _length),
        most=reader.parsed("most", int),
        approver=Reach(approver) if approver in list(Reach) else None,
        second_person=frozenset(map(Subject, second)),
    )


def _targets(top: NodeReader) -> Targets | None:
    key = next((key for key, _ in top.entries() if key.text == "targets"), None)
    if key is None:
        return None
    reader = top.mapping("targets")
    return Targets(
        key.span,
        first_customer=reader.parsed("first_customer", _length),
        all_customers=reader.parsed("all_customers", _length),
    )


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text).exact
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any time can be") from None
