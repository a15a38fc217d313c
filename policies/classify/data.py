"""The tables of this folder as plain data.

People write them as YAML. What is read here is the JSON beside it, which ``make tables`` writes:
to read the YAML took a tenth of the whole time of linting one file.
"""

import json
from pathlib import Path
from typing import Any


def table(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_bytes())
    return data
