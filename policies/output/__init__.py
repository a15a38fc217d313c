"""Reports as text for people and machines; ``RENDERERS`` lists every format by its name."""

from collections.abc import Mapping
from typing import Final

from policies.output.json_v1 import render_json
from policies.output.renderer import Renderer
from policies.output.text import render_text

RENDERERS: Final[Mapping[str, Renderer]] = {
    "json": render_json,
    "text": render_text,
}

__all__ = ["RENDERERS", "Renderer"]
