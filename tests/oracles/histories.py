"""Histories for the tests: drawn ones, written ones, and a second opinion on the small ones."""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, permutations
from random import Random
from typing import Any

from hypothesis import strategies as st

from prsm_sim.history import Call, History, Invoked, Returned

Facts = list[Invoked | Returned]


def told(*lines: str) -> Facts:
    """Facts from lines such as ``a write 1`` (a asks) and ``a: ok`` (a is told)."""
    facts: Facts = []
    numbers: dict[str, int] = {}
    for line in lines:
        client, _, rest = line.partition(" ")
        if client.endswith(":"):
            client = client[:-1]
            facts.append(Returned(client, numbers[client], rest.encode()))
        else:
            numbers[client] = numbers.get(client, 0) + 1
            facts.append(Invoked(client, numbers[client], rest.encode()))
    return facts


def orders(calls: Sequence[Call]) -> Iterator[tuple[Call, ...]]:
    """Every sequence of all returned calls and some others that keeps real-time order."""
    returned = [call for call in calls if call.returned is not None]
    others = [call for call in calls if call.returned is None]
    some = chain.from_iterable(combinations(others, k) for k in range(len(others) + 1))
    for extra in some:
        for order in permutations([*returned, *extra]):
            pairs = combinations(order, 2)
            if not any(b.returned is not None and b.returned < a.invoked for a, b in pairs):
                yield order


def is_linearizable(model: Any, facts: Sequence[Invoked | Returned]) -> bool:
    """The definition, tried out: some order is what one client after the other would be told."""
    for order in orders(History.of(facts).calls):
        state = model.initial
        for call in order:
            state, result = model.step(state, call.operation)
            if call.returned is not None and result != call.result:
                break
        else:
            return True
    return False


@st.composite
def small_histories(
    draw: st.DrawFn, operations: Sequence[bytes], results: Sequence[bytes], model: Any
) -> Facts:
    """Up to six calls of three clients at an atomic object; some results are exchanged at will.

    A client that asks, is served and is told makes three steps; in between others make theirs.
    """
    served: dict[str, bytes | None] = {}
    asked: dict[str, bytes] = {}
    numbers: dict[str, int] = {}
    facts: Facts = []
    state = model.initial
    for client in draw(st.lists(st.sampled_from("abc"), max_size=18)):
        if client not in asked:
            if sum(numbers.values()) == 6:
                continue
            asked[client] = draw(st.sampled_from(operations))
            numbers[client] = numbers.get(client, 0) + 1
            facts.append(Invoked(client, numbers[client], asked[client]))
        elif client not in served:
            state, served[client] = model.step(state, asked[client])
        else:
            result = served.pop(client)
            del asked[client]
            if draw(st.integers(0, 5)) == 0:
                result = draw(st.sampled_from(results))
            facts.append(Returned(client, numbers[client], result))
    return facts


def long_history(
    model: Any, operations: Sequence[bytes], count: int, clients: int, seed: int = 1
) -> Facts:
    """`count` calls of an atomic object, as its clients see them."""
    random = Random(seed)
    state, facts = model.initial, Facts()
    asked: dict[str, tuple[int, bytes, bytes | None]] = {}
    number = 0
    while number < count or asked:
        client = f"client-{random.randrange(clients)}"
        if client not in asked:
            if number < count:
                number += 1
                asked[client] = (number, random.choice(operations), None)
                facts.append(Invoked(client, *asked[client][:2]))
            continue
        mine, operation, result = asked[client]
        if result is None:
            state, result = model.step(state, operation)
            asked[client] = (mine, operation, result)
        else:
            facts.append(Returned(client, mine, result))
            del asked[client]
    return facts
