"""What every operator and every plan keeps when streams are stepped together: the same bits."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from hypothesis import strategies as st

from corrente.format import AnyBlock, Events, Format, Items
from corrente_pipelines import group
from corrente_pipelines import state as stored
from corrente_pipelines.operator import Operator, State
from corrente_pipelines.plan import Plan
from tests.contract import check_same_bits, spoilt

Histories = list[list[AnyBlock]]
"""What each of several streams has had so far, for each input."""


@st.composite
def groups(draw: st.DrawFn, format: Format, arity: int = 1) -> tuple[Histories, list[Items]]:
    """Streams of different pasts, some equally long, and the next block of each: `(S, n, …)`.

    Many of their items are not finite.
    """
    longest = 40 if format.kind == "signal" else 6
    lengths = draw(st.lists(st.integers(0, longest), min_size=1, max_size=3))
    pasts = draw(st.lists(st.sampled_from(lengths), min_size=1, max_size=6))
    count = draw(st.integers(1, longest))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    histories = [[spoilt(random, format, length) for _ in range(arity)] for length in pasts]
    blocks = [_items(random, format, len(pasts), count) for _ in range(arity)]
    return histories, blocks


def _items(random: np.random.Generator, format: Format, streams: int, count: int) -> Items:
    flat = spoilt(random, format, streams * count)
    assert isinstance(flat, np.ndarray)
    return flat.reshape(streams, count, *format.shape)


def check_group(
    operator: Operator, format: Format, histories: Histories, blocks: Sequence[Items]
) -> int:
    """Stepped together, streams give what each gives alone; says how many were not alone."""
    start = operator.start(*[format] * operator.arity)
    states: list[State] = [operator.step(start, *history)[0] for history in histories]
    together = 0
    for rows in _alike([operator.signature(state) for state in states]):
        own = group.stacked([states[row] for row in rows])
        given = [block[rows] for block in blocks]
        before = stored.dump(own)
        after, items = operator.step_group(own, *given)
        assert stored.dump(own) == before, "it changed the state that it was given"
        for block, whole in zip(given, blocks, strict=True):
            check_same_bits(block, whole[rows])
        assert len(items) == len(rows)
        for k, row in enumerate(rows):
            alone, expected = operator.step(states[row], *(block[row] for block in blocks))
            check_same_bits(np.ascontiguousarray(items[k]), expected)
            assert stored.dump(group.own(after, k)) == stored.dump(alone)
            assert operator.signature(alone) == operator.signature(group.own(after, 0)) is not None
        together += len(rows) > 1
    return together


def check_plan_group(
    plan: Plan, histories: Histories, blocks: Items, want: frozenset[str] | None
) -> int:
    """The same of whole plans."""
    pasts = [past for (past,) in histories if not isinstance(past, Events)]
    states = [plan.step(plan.begin(), past)[0] for past in pasts]
    together = 0
    for rows in _alike([plan.signature(state) for state in states]):
        own = plan.together([states[row] for row in rows])
        given = blocks[rows]
        before = stored.dump(own)
        after, outputs = plan.step_group(own, given, want)
        assert stored.dump(own) == before, "it changed the states that it was given"
        check_same_bits(given, blocks[rows])
        most_bytes = plan.most_bytes(blocks.shape[1])
        for name, items in outputs.items():
            assert items.nbytes <= len(rows) * most_bytes[name]
        for k, row in enumerate(rows):
            assert stored.dump(plan.apart(own, k)) == stored.dump(states[row])
            alone, expected = plan.step(states[row], blocks[row], want)
            assert outputs.keys() == expected.keys()
            for name, items in outputs.items():
                check_same_bits(np.ascontiguousarray(items[k]), expected[name])
            mine = plan.apart(after, k)
            _check_own(mine)
            assert stored.dump(mine) == stored.dump(alone)
            assert plan.signature(alone) == plan.signature(plan.apart(after, 0)) is not None
        together += len(rows) > 1
    return together


def _alike(signatures: Sequence[Hashable | None]) -> list[list[int]]:
    """The streams that can be stepped together."""
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for row, signature in enumerate(signatures):
        if signature is not None:
            rows[signature].append(row)
    return list(rows.values())


def _check_own(state: State) -> None:
    """A stream's state keeps no array of the others alive."""
    if isinstance(state, tuple):
        for part in state:
            _check_own(part)
    elif isinstance(state, np.ndarray):
        assert state.base is None
