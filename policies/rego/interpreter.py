"""The program in which the embedded interpreter runs: one line of JSON in, one line out.

It is a process of its own, because the interpreter is a C++ library: a crash there, or a rule that
does not end, must take neither a lint nor the service with it. It imports nothing of Bakegate, so
that it starts as fast as Python does.
"""

import json
import os
import sys
from typing import Any


class Interpreter:
    """Every set of modules that was loaded, compiled once, by its name."""

    def __init__(self) -> None:
        from regopy import Interpreter as Rego  # noqa: PLC0415 - what is missing is told on stderr

        self._make = Rego
        self._sets: dict[str, tuple[Any, Any]] = {}

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked["do"]:
            case "check":
                return {"errors": self._errors(asked["text"], asked["entries"])}
            case "load":
                return self._load(asked["name"], asked["modules"])
            case "ask":
                return {"said": self._ask(asked["name"], asked["entries"], asked["input"])}
            case _:
                from regopy import __version__  # noqa: PLC0415 - see above

                return {"version": __version__}

    def _new(self) -> Any:
        made = self._make()
        made.log_level = 0  # it would print errors to us that the answer holds already
        made.strict_built_in_errors = True
        return made

    def _errors(self, text: str, entries: list[str]) -> list[str]:
        """What its compiler says; it does not say everything, and often gives no reason."""
        try:
            made = self._new()
            made.add_module("module", text)
            if made.build(None, entries).ok():
                return []
        except Exception as error:  # noqa: BLE001 - the library raises several kinds, all of them text
            return [str(error)]
        return [""]

    def _load(self, name: str, modules: dict[str, Any]) -> dict[str, Any]:
        """Compile modules together; one that is broken alone is left out, and told."""
        broken = {rule: found for rule, each in modules.items() if (found := self._errors(**each))}
        made, entries = self._new(), []
        for rule, each in modules.items():
            if rule not in broken:
                made.add_module(rule, each["text"])
                entries += each["entries"]
        built = made.build(None, entries) if entries else None
        if built is not None and not built.ok():
            return {"error": "the interpreter cannot compile these rules together"}
        self._sets[name] = (made, built)
        return {"broken": broken}

    def _ask(self, name: str, entries: dict[str, str], document: Any) -> dict[str, Any]:
        """By rule a value or an error; a rule whose answer is undefined is missing."""
        made, built = self._sets[name]
        made.set_input(document)
        said: dict[str, Any] = {}
        for rule, entry in entries.items():
            output = made.query_bundle_entrypoint(built, entry)
            if not output.ok():
                said[rule] = {"error": "a function failed; the interpreter does not say which"}
            elif str(output) != "undefined":
                said[rule] = {"value": output[0][0]}
        return said


def main() -> None:
    # What the library prints must not meet the answers: they go to the pipe that was stdout.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    interpreter = Interpreter()
    for line in sys.stdin:
        try:
            said = interpreter.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - whatever the library raises is an answer
            said = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
