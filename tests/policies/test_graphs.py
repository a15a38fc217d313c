"""Sums along the ways of a graph."""

from policies.graphs import Order


def test_the_heaviest_way_counts_and_not_the_sum_of_all() -> None:
    order = Order(["a", "b", "c", "d"], [[], ["a"], ["a"], ["b", "c"]])
    assert order.before([1, 5, 2, 9]) == [0, 1, 1, 6]


def test_a_long_chain_and_a_circle_end() -> None:
    names = [f"s{number}" for number in range(10_000)]
    chain = Order(names, [[], *([name] for name in names[:-1])])
    assert chain.before([1.0] * 10_000)[-1] == 9_999
    circle = Order(["a", "b"], [["b"], ["a"]])
    assert max(circle.before([1, 1])) <= 2
