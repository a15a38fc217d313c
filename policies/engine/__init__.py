"""The two questions of the engine: is this file right, and may this release go on."""

from policies.engine.gate import GateError, gate, recompute
from policies.engine.lint import FileReport, PipelineReport, fingerprint, lint

__all__ = [
    "FileReport",
    "GateError",
    "PipelineReport",
    "fingerprint",
    "gate",
    "lint",
    "recompute",
]
