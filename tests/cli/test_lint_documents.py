"""``bakegate lint`` on files of several documents."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Bakegate = Callable[..., Result]
Write = Callable[[str, str], Path]


def test_an_ignore_in_a_later_document_is_heard(bakegate: Bakegate, write: Write) -> None:
    head = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata:\n"
    ignore = "  # bakegate: ignore[deploy-deadline] the platform ends stuck rollouts\n"
    write(
        "rollout.yaml",
        f"kind: Service\n---\n{head}{ignore}  name: shop\nspec: {{strategy: {{}}}}\n",
    )
    result = bakegate("lint", "rollout.yaml", "--ruleset", "strict", "--format", "json")
    answer = json.loads(result.stdout)
    (found,) = answer["files"]
    results = {each["rule"]: each["result"] for each in found["findings"]}
    assert found["pipelines"] != []
    assert (results["deploy-deadline"], "ignore-valid" in results) == ("waived", False)
