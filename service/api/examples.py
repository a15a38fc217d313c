"""Examples for the OpenAPI description where no schema of ours can carry them."""

from typing import Any, Final

_GATE: Final[dict[str, Any]] = {
    "type": "bakegate.gate/v1",
    "decision": "d-58213",
    "digest": "sha256:" + "7b" * 32,
    "verdict": "hold",
    "at": "2026-11-24T10:22:48Z",
    "until": "2026-11-24T11:16:12Z",
    "subject": {
        "pipeline": "payments-api",
        "release": "payments-api:1846",
        "stage": "wave-2",
        "kind": "normal",
        "artifact": "sha256:" + "4c" * 32,
    },
    "results": [
        {
            "rule": "bake-time",
            "result": "fail",
            "enforcement": "block",
            "verdict": "hold",
            "until": "2026-11-24T11:16:12Z",
            "message": "67 of 120 min since cell-1 was fully deployed at 09:16",
            "would_pass": "wait until 11:16 UTC",
            "facts": [],
        }
    ],
    "conditions": [],
    "ruleset": {"organization": "retail/commerce/orders", "digest": "sha256:" + "1f" * 32},
    "engine": "0.1.0",
    "tzdata": "2026c",
}

#: The answer of the gate in the description; its schema is ``bakegate schema gate``.
GATE_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/json": {"example": _GATE}}}
}
