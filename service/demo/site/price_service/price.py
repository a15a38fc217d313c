"""The price of an item in a currency, rounded as that currency is paid."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from tiny_rates import RATES

from price_service.catalogue import CENTS

#: Decimal places that are paid in each currency.
PLACES: Final = {"EUR": 2, "USD": 2}


class UnknownRequestError(Exception):
    """The item or the currency is not one that the shop knows."""


def price(item: str, currency: str) -> str:
    """The amount as text, such as ``4.50``; raises UnknownRequestError."""
    if item not in CENTS:
        raise UnknownRequestError(f"no item {item!r}")
    if currency not in PLACES:
        raise UnknownRequestError(f"no currency {currency!r}")
    amount = Decimal(CENTS[item]) / 100 * RATES[currency]
    return str(amount.quantize(smallest(currency), rounding=ROUND_HALF_UP))


def smallest(currency: str) -> Decimal:
    """The smallest amount that can be paid, such as ``0.01``."""
    return Decimal(1).scaleb(-PLACES[currency])
