"""What the shop sells, in euro cents."""

from typing import Final

CENTS: Final = {"coffee": 890, "cocoa": 640, "tea": 450}
