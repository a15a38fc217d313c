"""Prices in euro and dollar, and what the server answers."""

# ruff: noqa: PT009, PT027 - the tests need nothing but Python, so they are unittest.

import unittest
from http import HTTPStatus

from price_service.__main__ import answer
from price_service.price import UnknownRequestError, price


class PriceTest(unittest.TestCase):
    """What an item costs."""

    def test_euro(self) -> None:
        """The catalogue is in euro."""
        self.assertEqual(price("tea", "EUR"), "4.50")

    def test_dollar(self) -> None:
        """The amount is rounded to cents."""
        self.assertEqual(price("coffee", "USD"), "9.61")

    def test_unknown_item(self) -> None:
        """An item that the shop does not sell has no price."""
        with self.assertRaises(UnknownRequestError):
            price("gold", "EUR")

    def test_unknown_currency(self) -> None:
        """Nor is there one in a currency that the shop does not take."""
        with self.assertRaises(UnknownRequestError):
            price("tea", "XXX")


class AnswerTest(unittest.TestCase):
    """What a request is told."""

    def test_health(self) -> None:
        """The server is well as soon as it answers."""
        self.assertEqual(answer("/health"), (HTTPStatus.OK, {"status": "ok"}))

    def test_price(self) -> None:
        """The answer repeats what was asked for."""
        status, body = answer("/price?item=cocoa&currency=EUR")
        self.assertEqual(status, HTTPStatus.OK)
        self.assertEqual(body, {"item": "cocoa", "currency": "EUR", "price": "6.40"})

    def test_unknown_path(self) -> None:
        """Another path is not found."""
        self.assertEqual(answer("/")[0], HTTPStatus.NOT_FOUND)
