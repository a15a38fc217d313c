"""What there is to ask of running versions, without reading what did not change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from service.executor.watching import Places
from tests.service.executor.conftest import PIPELINE, Field


@contextmanager
def counted(field: Field) -> Iterator[list[str]]:
    """The statements that are asked of the database meanwhile."""
    found: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(field.engines.read, "before_cursor_execute", heard)
    yield found
    event.remove(field.engines.read, "before_cursor_execute", heard)


def test_what_did_not_change_is_not_read_again(field: Field) -> None:
    other = PIPELINE.replace("name: shop\n", "name: other\n")
    field.executor.register_pipeline(other, "other.yaml", ".", "tester")
    field.executor.submit("other", "b" * 40, "tester")
    field.submit("a")
    looking = Places(field.executor.ground)
    first = looking.now()
    assert [(each.pipeline, each.stage) for each in first] == [
        ("other", "beta"),
        ("other", "one-box"),
        ("shop", "beta"),
        ("shop", "one-box"),
    ]
    with counted(field) as asked:
        assert looking.now() == first
    assert len(asked) == 1
    field.executor.switch_transition("shop", "cell-1", "manual", "watch it", "kim")
    with counted(field) as asked:
        assert looking.now() == first
    with counted(field) as whole:
        assert Places(field.executor.ground).now() == first
    # The two pipelines are alike, so that half of what is behind the first statement is one's.
    assert 0 < len(asked) - 1 == (len(whole) - 1) / 2


def test_every_change_is_seen(field: Field) -> None:
    """Whatever a release does and whatever is registered: as if everything were read anew."""
    looking = Places(field.executor.ground)
    seen = set()

    def look() -> None:
        found = looking.now()
        assert found == Places(field.executor.ground).now()
        seen.add(tuple((each.stage, each.target, each.script) for each in found))

    look()
    field.submit("a")
    look()
    script = "    exposure: 1%\n    synthetics: [{name: buy, every: 10s, requests: [{get: /}]}]\n"
    text = PIPELINE.replace("    exposure: 1%\n", script)
    field.executor.register_pipeline(text, "pipeline.yaml", ".", "tester")
    for _ in range(30):
        look()
        field.passing(5)
    field.submit("b")
    for negative in (0, 0, 9, 9, 9):
        look()
        field.passing(10, negative=negative)
    look()
    # Nothing, the release at its bake under the file it began with, and all under the newer one.
    assert len(seen) == 3
