"""Reports as text for people and machines; ``RENDERERS`` lists every format by its name."""

from collections.abc import Mapping
from typing import Final

from policies.output.json_v1 import JSON
from policies.output.renderer import Renderer, Style
from policies.output.text import TEXT

RENDERERS: Final[Mapping[str, Renderer]] = {
    "json": JSON,
    "text": TEXT,
}

__all__ = ["RENDERERS", "Renderer", "Style"]
