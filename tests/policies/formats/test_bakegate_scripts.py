"""Scripted requests in Bakegate's own format."""

from datetime import timedelta
from typing import Final

from policies.formats import read_pipelines
from policies.scripted import Request

SCRIPT: Final = """
schema: bakegate/pipeline/v1
name: shop
organization: retail
source: {repository: ., branch: main, start: push}
deployers: {hosts: {type: local, hosts: 1}}
stages:
  - name: beta
    kind: test
    deploy: hosts
    tests:
      - name: orders
        kind: integration
        requests:
          - {post: /orders, operation: buy, json: {item: book, count: 2}, headers: {x-who: test},
             capture: {order: /id}, expect: {status: 201, json: {/count: 2}}}
          - {get: "/orders/${order}", expect: {contains: book, within: 500ms}}
"""


def test_scripted_requests() -> None:
    found = read_pipelines(SCRIPT.encode(), "pipeline.yaml")
    assert found.problems == ()
    assert found.pipelines[0].stages[0].steps[0].requests == (
        Request(
            "POST",
            "/orders",
            201,
            operation="buy",
            headers=(("x-who", "test"),),
            body='{"item": "book", "count": 2}',
            expected=(("/count", "2"),),
            capture=(("order", "/id"),),
        ),
        Request(
            "GET", "/orders/${order}", 200, contains="book", within=timedelta(milliseconds=500)
        ),
    )


def test_a_value_that_nothing_captures_is_an_error() -> None:
    text = SCRIPT.replace("capture: {order: /id}, ", "")
    problems = read_pipelines(text.encode(), "pipeline.yaml").problems
    assert [(each.span.line, each.message) for each in problems] == [
        (17, "no request before this one captures 'order'")
    ]
