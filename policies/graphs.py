"""Who is reached from where, in graphs of ten thousand nodes; sets of nodes are bits of an int.

A chain of ten thousand jobs would take minutes with a walk for every question.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")

#: From so many common needs on, a node behind them saves more than it costs.
_MANY: Final = 8


def kept(known: dict[Hashable, Any], key: Hashable, work: Callable[[], T]) -> T:
    """What is known under a key, else what ``work`` gives."""
    if key not in known:
        known[key] = work()
    value: T = known[key]
    return value


def written_in_order(needs: Mapping[str, Iterable[str]]) -> bool:
    """Whether each name stands behind all that it needs, as in most files: no circle then."""
    seen: set[str] = set()
    for name, before in needs.items():
        if not seen.issuperset(before):
            return False
        seen.add(name)
    return True


class Order:
    """Which node waits for which, computed when first asked; of equal names the first counts."""

    __slots__ = ("_above", "_below", "_edges", "_needs", "_turn", "index", "known")

    def __init__(self, names: Sequence[str], needs: Sequence[Sequence[str]]) -> None:
        self.index: dict[str, int] = {}
        for number, name in enumerate(names):
            self.index.setdefault(name, number)
        self._needs = needs
        self._edges: list[list[int]] = []
        self._turn: list[int] = []
        self._above: list[int] | None = None
        self._below: list[int] | None = None
        self.known: dict[Hashable, Any] = {}

    def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, which depends on the nodes and on ``key`` only."""
        # As ``kept``, without the call: rules ask a hundred times for a file.
        if key not in self.known:
            self.known[key] = work()
        value: T = self.known[key]
        return value

    def needs(self) -> list[list[int]]:
        """The edges of each node; what many nodes wait for together is one more node behind them.

        Where every job of a stage waits for every job of the stage before, ten thousand jobs would
        have millions of edges.
        """
        if not self._edges and self._needs:
            self._edges = self._joined()
            self._turn = _deepest_first(self._edges)
        return self._edges

    def _joined(self) -> list[list[int]]:
        index, edges = self.index, []
        if max(map(len, self._needs)) < _MANY:
            return [[index[name] for name in each if name in index] for each in self._needs]
        shared = {key for key, count in Counter(map(id, self._needs)).items() if count > 1}
        groups: dict[int, int] = {}
        behind: list[list[int]] = []
        for each in self._needs:
            if id(each) not in shared or len(each) < _MANY:
                edges.append([index[name] for name in each if name in index])
                continue
            if id(each) not in groups:
                groups[id(each)] = len(self._needs) + len(behind)
                behind.append([index[name] for name in each if name in index])
            edges.append([groups[id(each)]])
        return edges + behind

    def above(self) -> list[int]:
        """For each node all that it waits for, directly or not."""
        if self._above is None:
            self._above = self._real(reachable(self.needs(), self._turn))
        return self._above

    def below(self) -> list[int]:
        """For each node all that wait for it, directly or not."""
        if self._below is None:
            self._below = self._real(reachable(turned(self.needs()), self._turn[::-1]))
        return self._below

    def reached(self, ends: int) -> list[int]:
        """For each node all that it waits for, without looking behind the ``ends``."""
        edges = self.needs()
        stop = list(decoded(ends))
        cut = edges.copy()
        for node in stop:
            cut[node] = []
        behind = reachable(cut, self._turn)
        # An end too waits for what it needs itself.
        own = [_together(edges[node], behind) for node in stop]
        for node, bits in zip(stop, own, strict=True):
            behind[node] = bits
        return self._real(behind)

    def before(self, weights: Sequence[float]) -> list[float]:
        """For each node the largest sum of weights on a way to it, its own not counted."""
        edges = self.needs()
        # Nodes that only stand for many weigh nothing.
        padded = [*weights, *([0.0] * (len(edges) - len(weights)))]
        return _heaviest(edges, self._turn, padded)[: len(weights)]

    def _real(self, found: list[int]) -> list[int]:
        """Without the nodes that only stand for many."""
        mask = (1 << len(self._needs)) - 1
        return [bits & mask for bits in found[: len(self._needs)]]


def _heaviest(edges: list[list[int]], order: list[int], weights: Sequence[float]) -> list[float]:
    """For each node the largest sum of weights on a way that ends before it; circles are cut."""
    found = [0.0] * len(edges)
    for node in order:
        found[node] = max((found[each] + weights[each] for each in edges[node]), default=0.0)
    return found


def decoded(bits: int) -> Iterator[int]:
    """The numbers of a set, smallest first."""
    while bits:
        last = bits & -bits
        yield last.bit_length() - 1
        bits ^= last


def turned(edges: list[list[int]]) -> list[list[int]]:
    """The same graph with every edge the other way round."""
    back: list[list[int]] = [[] for _ in edges]
    for number, targets in enumerate(edges):
        for target in targets:
            back[target].append(number)
    return back


def reachable(edges: list[list[int]], order: list[int] | None = None) -> list[int]:
    """For each node the bits of all nodes that its edges lead to, circles included.

    ``order`` has each node behind those that it leads to, where no circle forbids it; who knows it
    already saves a walk.
    """
    order = _deepest_first(edges) if order is None else order
    found = [0] * len(edges)
    closed = [1 << node for node in range(len(edges))]
    changed = True
    while changed:  # One turn, where no circle leads back; circles take a few.
        changed = False
        done = bytearray(len(edges))
        for node in order:
            bits = 0
            for target in edges[node]:
                bits |= closed[target]
            if bits != found[node]:
                found[node] = bits
                closed[node] |= bits
                changed = changed or not all(map(done.__getitem__, edges[node]))
            done[node] = 1
    return found


def _together(nodes: list[int], behind: list[int]) -> int:
    """The bits of some nodes and of all that is behind them."""
    bits = 0
    for node in nodes:
        bits |= behind[node] | (1 << node)
    return bits


def _deepest_first(edges: list[list[int]]) -> list[int]:
    """Every node after those that its edges lead to, where no circle forbids it."""
    if all(target < node for node, targets in enumerate(edges) for target in targets):
        # As most files are written.
        return list(range(len(edges)))
    order: list[int] = []
    seen: set[int] = set()
    for start in range(len(edges)):
        todo = [(start, False)]
        while todo:
            node, left = todo.pop()
            if left:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                todo.append((node, True))
                todo.extend((each, False) for each in edges[node] if each not in seen)
    return order
