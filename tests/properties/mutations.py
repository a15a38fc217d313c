"""Pipeline files to mutate, one or more of every format, and what a mutation may do to them.

The files are the project's own; where ``BAKEGATE_CORPUS`` names a folder, the real ones in it too.
"""

import os
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

_ROOT: Final = Path(__file__).parents[1]
GOLDEN: Final = tuple(sorted((_ROOT / "golden" / "pipelines").iterdir()))
_ENDINGS: Final = (".yml", ".yaml", ".json", ".template")
#: Larger files of a corpus say nothing more and take most of the time.
_MOST_BYTES: Final = 20_000
#: Bits that mean something to YAML, to JSON, to templates or to a reader of some format.
_BITS: Final = (
    *("\t", "\n", "\r", " ", ":", "- ", "#", "&a ", "*a", "<<: *a", "[", "]", "{", "}", "|", ">-"),
    *("'", '"', "!x ", "%", "---\n", "{{", "${{ x }}", "${{ if x }}:", "$[[ inputs.x ]]", "${A}"),
    *("\ufeff", "\u2028", "\x85", "\x00", "\U0001f600", "9" * 30, "-1", "1e999", ".nan", "0x"),
    *("!reference [a, b]", "!Sub x", "!If [A, B, C]", "!GetAtt A.B", "Fn::If: []", "Ref: ''"),
    *("null", "~", "{}", "[]", "true", "''", "on: push", "jobs: {}", "extends: [a]", "needs: [x]"),
    *("include: {local: /a.yml}", "template: a.yml", "uses: ./a", "stages: []", "- - - -"),
    *("# bakegate: ignore[x] y", "# bakegate: ignore", "1h", "-5m", "99999999999w", "500%"),
)


def seeds() -> list[str]:
    """The texts to start from."""
    corpus = os.environ.get("BAKEGATE_CORPUS")
    real = sorted(Path(corpus).rglob("*")) if corpus else []
    sizes = {each: each.stat().st_size for each in real if each.name.endswith(_ENDINGS)}
    small = [each for each, size in sizes.items() if size < _MOST_BYTES and each.is_file()]
    return [each.read_text("utf-8", errors="replace") for each in (*GOLDEN, *small)]


SEEDS: Final = seeds()


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A file with a few bits put in, words replaced, and lines moved, doubled or taken out."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 5))):
        text = draw(st.sampled_from([_cut, _another_value, _another_line]))(draw, text)
    return text


def _cut(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    cut = draw(st.sampled_from([0, 0, 1, 5, 40]))
    return text[:start] + draw(st.sampled_from(_BITS)) + text[start + cut :]


def _another_value(draw: st.DrawFn, text: str) -> str:
    """What stands behind a key, or in a list, is replaced whole."""
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    key, colon, _ = lines[at].partition(":")
    lines[at] = f"{key}{colon or ':'} {draw(st.sampled_from(_BITS))}"
    return "\n".join(lines)


def _another_line(draw: st.DrawFn, text: str) -> str:
    """A line is moved to, or copied from, elsewhere, perhaps at another depth."""
    lines = text.split("\n")
    one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    line = lines[one]
    if draw(st.booleans()):
        del lines[one]
    depth = draw(st.sampled_from(["", "", "  ", "    "]))
    lines.insert(other, depth + line.removeprefix("  "))
    return "\n".join(lines)
