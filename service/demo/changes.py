"""What the demonstration's releases change, as edits of the site's own files.

``GOOD``, ``DEFECT`` and ``BLOCKED_PACKAGE`` are committed in this order; each maps a path in the
repository to its whole new text.
"""

from importlib.resources import files
from typing import Final

from policies.rule import BlocklistEntry

_PRICE: Final = "price_service/price.py"
_LIBRARY: Final = "libs/tiny_rates/pyproject.toml"


def _site(path: str) -> str:
    return (files("service.demo") / "site" / path).read_text(encoding="utf-8")


def _edited(text: str, old: str, new: str) -> str:
    """``text`` with its only ``old`` replaced; a site that moved on must not go unnoticed."""
    if text.count(old) != 1:
        raise ValueError(f"the site has {old!r} {text.count(old)} times instead of once")
    return text.replace(old, new)


_THREE_CURRENCIES: Final = _edited(
    _site(_PRICE), '{"EUR": 2, "USD": 2}', '{"EUR": 2, "USD": 2, "JPY": 0}'
)

_TABLE: Final = '''\
#: The smallest amount that can be paid in each currency.
SMALLEST: Final = {"EUR": Decimal("0.01"), "USD": Decimal("0.01")}


def smallest(currency: str) -> Decimal:
    """The smallest amount that can be paid, such as ``0.01``."""
    return SMALLEST[currency]
'''

#: Prices in yen, too.
GOOD: Final[dict[str, str]] = {
    _PRICE: _THREE_CURRENCIES,
    "README.md": _edited(
        _site("README.md"),
        "what an item costs in a currency:",
        "what an item costs in euro, dollar or yen:",
    ),
}

#: A table that forgets the yen, so that whoever asks for yen is answered 500. No test asks for yen.
DEFECT: Final[dict[str, str]] = {
    _PRICE: _THREE_CURRENCIES[: _THREE_CURRENCIES.index("def smallest")] + _TABLE
}

#: The defect is mended, but the new version of the library is on the blocklist.
BLOCKED_PACKAGE: Final[dict[str, str]] = {
    _PRICE: _THREE_CURRENCIES,
    _LIBRARY: _edited(_site(_LIBRARY), 'version = "1.2.0"', 'version = "1.3.0"'),
}


def _without_safety(text: str) -> str:
    """The pipeline without its unit tests and without the bake of the one-box."""
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if "kind: unit" not in line]
    box = next(i for i, line in enumerate(kept) if "name: one-box" in line)
    bake = next(i for i, line in enumerate(kept) if i > box and "bake:" in line)
    following = next(i for i, line in enumerate(kept) if i > bake and "synthetics:" in line)
    return "".join((*kept[:bake], *kept[following:]))


REFUSED_PIPELINE: Final = _without_safety(_site("pipeline.yaml"))

BLOCKLIST: Final = (
    BlocklistEntry(
        id="bl-1",
        package="pkg:pypi/tiny-rates",
        versions="vers:pypi/>=1.3.0|<1.3.1",
        reason="1.3.0 answers with the rates of the day before",
        owner="shop",
    ),
)

#: What customers ask for, and how often in a hundred requests.
REQUESTS: Final[dict[str, int]] = {
    "/price?item=tea&currency=EUR": 40,
    "/price?item=coffee&currency=EUR": 20,
    "/price?item=coffee&currency=USD": 20,
    "/price?item=cocoa&currency=JPY": 20,
}
