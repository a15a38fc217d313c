"""The pages of the rules are what the rules say now."""

from policies.rules import rule
from tools.docs import FOLDER, pages, telling


def test_pages_are_those_that_make_docs_writes() -> None:
    written = {each.name: each.read_text(encoding="utf-8") for each in FOLDER.iterdir()}
    expected = pages()

    differing = [name for name in expected if written.get(name) != expected[name]]
    assert (differing, sorted(written)) == ([], sorted(expected)), "run make docs"


def test_formats_that_can_tell_are_those_in_which_a_rule_knows() -> None:
    least, drained = rule("least-privilege-ci"), rule("graceful-stop")
    assert least
    assert drained
    assert telling(least) == ["github-actions"]
    assert telling(drained) == ["bakegate", "argo-rollouts"]
