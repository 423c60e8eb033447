"""What every operator and every plan keeps, checked for one case at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor

import numpy as np
from hypothesis import strategies as st

from corrente.format import Format, FormatError, Items
from corrente_pipelines import state as stored
from corrente_pipelines.operator import UNIT_ROUNDOFF, Operator, State
from corrente_pipelines.operators import OPERATORS
from corrente_pipelines.plan import Plan
from corrente_pipelines.step import Step

FORMATS = (
    Format(kind="signal", shape=(1,)),
    Format(kind="signal", shape=(3,)),
    Format(kind="signal", shape=(2,), dtype="int16", labels=("left", "right")),
    Format(kind="signal", shape=(1,), dtype="float64"),
    Format(kind="frames", shape=(7, 9)),
    Format(kind="frames", shape=(6, 5, 3)),
    Format(kind="frames", shape=(8, 6), dtype="uint8"),
    Format(kind="frames", shape=(5, 7, 3), dtype="uint8"),
    Format(kind="frames", shape=(5, 5)),  # what the example of `classify` takes
)


def fits(operator: Operator, *formats: Format) -> bool:
    """Whether the operator takes inputs of these formats."""
    try:
        operator.fit(*formats)
    except FormatError:
        return False
    return True


def cases() -> Iterator[tuple[Operator, Format]]:
    """Every example of every operator on every format that it takes."""
    for operator in OPERATORS:
        for example in operator.examples():
            for format in FORMATS:
                formats = [format] * example.arity
                if fits(example, *formats):
                    yield example.prepared(*formats), format


@st.composite
def signals(draw: st.DrawFn, format: Format, count: int = 1) -> list[Items]:
    """Whole signals of that format: any length, any scale, sometimes not finite somewhere."""
    # Now and then longer than the tiles that kernels work in.
    lengths = {"signal": (60, (1500, 5000)), "frames": (9, (40,))}
    longest, long = lengths[format.kind]
    length = draw(st.integers(0, longest) | st.sampled_from(long))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (length, *format.shape)
    bad = draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3))
    scale = 10.0 ** draw(st.integers(-20, 20))
    return [_signal(random, shape, format.dtype, scale, bad) for _ in range(count)]


def _signal(
    random: np.random.Generator,
    shape: tuple[int, ...],
    dtype: str,
    scale: float,
    bad: Sequence[float],
) -> Items:
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        x = random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    else:
        x = (random.standard_normal(shape) * scale).astype(dtype)
        for value in bad if x.size else ():
            x.flat[random.integers(x.size)] = value
    x.flags.writeable = False  # whoever changes an argument is caught
    return x


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[slice]:
    """A signal of that length in blocks, some of them empty, some of one item."""
    inner = draw(st.lists(st.integers(0, length), max_size=8))
    edges = [0, *sorted(inner), length]
    return [slice(a, b) for a, b in pairwise(edges)]


def kept(state: State, like: State) -> State:
    """The state as it is."""
    return state


def reloaded(state: State, like: State) -> State:
    """The state stored and loaded."""
    return stored.load(stored.dump(state), like)


UNDERFLOW = 10_000 * np.finfo(np.float32).smallest_subnormal
"""What every product and sum may lose near zero."""

Between = Callable[[State, State], State]
"""What happens to a state between two blocks."""


def stream(
    operator: Operator,
    format: Format,
    x: list[Items],
    blocks: list[slice],
    between: Between = kept,
    index: int = 0,
) -> Items:
    """The operator's output. Whoever published a block overwrites it afterwards."""
    formats = [format] * operator.arity
    start = state = operator.start(*formats, index=index)
    parts = [operator.output(*formats).empty()]
    for block in blocks:
        given = [signal[block].copy() for signal in x]
        state, items = operator.step(state, *given)
        for buffer, signal in zip(given, x, strict=True):
            check_same_bits(buffer, signal[block])
            buffer.fill(77)
        state = between(state, start)
        parts.append(items)
    owed = operator.finish(state)
    return np.concatenate(parts if owed is None else [*parts, owed])


def check_same_bits(got: Items, expected: Items) -> None:
    """Equal to the last bit, shapes and dtypes too."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert got.tobytes() == expected.tobytes()


def check_reference(operator: Operator, y: Items, *x: Items) -> None:
    """Within the operator's tolerance of its definition; not finite at exactly the same places."""
    wanted = operator.reference(*x)
    assert y.shape == wanted.shape
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(np.isfinite(y), finite)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    np.testing.assert_array_equal(np.signbit(y[np.isinf(y)]), np.signbit(wanted[np.isinf(wanted)]))
    bound = np.broadcast_to(operator.tolerance(*x), wanted.shape)
    rounding = UNIT_ROUNDOFF * np.abs(wanted, where=finite, out=np.zeros(wanted.shape)) + UNDERFLOW
    error = np.abs(y[finite] - wanted[finite])
    assert (error <= (bound + rounding)[finite]).all(), f"{operator} is off by {error.max()}"


def first_sound(operator: Operator, format: Format, begin: int) -> int:
    """The first output that is made of no item before `begin`."""
    formats = [format] * operator.arity
    out = operator.output(*formats)
    shift = (out.origin - format.origin) / format.stride
    before = operator.receptive_field(*formats) - 1 - operator.delay(*formats)
    return ceil((begin + before - shift) / (out.stride / format.stride))


def heard(operator: Operator, begin: int, *x: Items) -> int:
    """The item from which a stream begun at `begin` can have forgotten its begin.

    An operator that holds the last finite item has none to hold before it has seen one.
    """
    if not operator.is_recursive or begin >= len(x[0]):
        return begin
    seen = [np.isfinite(signal[begin:]).reshape(len(signal) - begin, -1) for signal in x]
    complete = np.logical_or.accumulate(np.concatenate(seen, axis=1)).all(axis=1)
    return begin + int(complete.argmax()) if complete.any() else len(x[0])


def check_late(
    operator: Operator, late: Items, whole: Items, sound: int, x: Sequence[Items]
) -> None:
    """The outputs from `sound` on of a stream begun midway are those of the whole one, `x`.

    To the last bit; those of an operator that never forgets wholly are within its bound, twice.
    """
    bound = np.broadcast_to(operator.tolerance(*x), whole.shape)[sound:]
    whole = whole[sound:]
    if not operator.is_recursive:
        check_same_bits(late, whole)
        return
    np.testing.assert_array_equal(np.isfinite(late), np.isfinite(whole))
    finite = np.isfinite(whole)
    rounding = UNIT_ROUNDOFF * np.abs(whole[finite].astype(np.float64)) + UNDERFLOW
    error = np.abs(late[finite].astype(np.float64) - whole[finite])
    assert (error <= 2 * (bound[finite] + rounding)).all()


def check_operator(
    operator: Operator, format: Format, x: list[Items], blocks: list[slice], middle: int
) -> None:
    """The whole contract, for one signal, one way to cut it and one index to begin at."""
    formats = [format] * operator.arity
    out = operator.output(*formats)
    whole = stream(operator, format, x, [slice(None)])
    assert whole.shape[1:] == out.shape
    assert whole.dtype == out.dtype
    for between in (kept, reloaded):
        check_same_bits(stream(operator, format, x, blocks, between), whole)
    check_reference(operator, whole, *x)

    _, at_once = operator.step(operator.start(*formats), *x)
    stride = out.stride / format.stride
    shift = (out.origin - format.origin) / format.stride
    complete = (len(x[0]) - 1 - operator.delay(*formats) - shift) / stride
    assert len(at_once) == max(0, floor(complete) + 1)

    rest = [signal[middle:] for signal in x]
    late = stream(operator, format, rest, [slice(None)], index=middle)
    first = ceil(middle / stride)
    sound = max(first, first_sound(operator, format, heard(operator, middle, *x)))
    check_late(operator, late[sound - first :], whole, sound, x)


def run_plan(
    plan: Plan, x: Items, blocks: list[slice], between: Between = kept, index: int = 0
) -> dict[str, Items]:
    """Every stage's output. Whoever published a block overwrites it afterwards."""
    start = states = plan.begin(index)
    parts = [{name: format.empty() for name, format in plan.formats.items()}]
    for block in blocks:
        before = plan.positions(states)
        given = x[block].copy()
        states, outputs = plan.step(states, given)
        given.fill(77)
        states = between(states, start)
        moved = {name: before[name] + len(items) for name, items in outputs.items()}
        assert plan.positions(states) == moved
        parts.append(outputs)
    parts.append(plan.finish(states))
    return {name: np.concatenate([part[name] for part in parts]) for name in plan.formats}


def check_plan(
    plan: Plan, x: Items, blocks: list[slice], want: frozenset[str], middle: int
) -> None:
    """The contract of plans: same bits for any cut, begin and wish; each stage as defined."""
    whole = run_plan(plan, x, [slice(None)])
    for between in (kept, reloaded):
        for name, items in run_plan(plan, x, blocks, between).items():
            check_same_bits(items, whole[name])
    _check_begin(plan, x, whole, middle)
    for name, items in _wanted(plan, x, blocks, want).items():
        check_same_bits(items, whole[name])
    values = {"input": x, **whole}
    for step in plan.steps:
        check_reference(step.operator, whole[step.name], *_inputs(step, values))
        assert whole[step.name].shape[1:] == step.format.shape
        assert whole[step.name].dtype == step.format.dtype
        _check_delay(plan, step.name, x)


def _wanted(plan: Plan, x: Items, blocks: list[slice], want: frozenset[str]) -> dict[str, Items]:
    stream = plan.start(want)
    parts = [stream.push(x[block]) for block in blocks]
    parts.append(stream.finish())
    return {name: np.concatenate([part[name] for part in parts]) for name in want}


def _check_begin(plan: Plan, x: Items, whole: dict[str, Items], middle: int) -> None:
    """Begun midway, a stage gives the whole's bits from where it sees nothing before the begin.

    One that never forgets wholly is within its bound; of stages behind it nothing is said.
    """
    first = plan.positions(plan.begin(middle))
    late = run_plan(plan, x[middle:], [slice(None)], index=middle)
    sound, exact = {"input": middle}, {"input"}
    for step in plan.steps:
        joined = [sound[name] - skip for name, skip in zip(step.inputs, step.offsets, strict=True)]
        inputs = _inputs(step, {"input": x, **whole})
        begin = heard(step.operator, max(joined), *inputs)
        sound[step.name] = max(first[step.name], first_sound(step.operator, step.joined[0], begin))
        if exact.issuperset(step.inputs):
            got = late[step.name][sound[step.name] - first[step.name] :]
            check_late(step.operator, got, whole[step.name], sound[step.name], inputs)
            exact.update(() if step.operator.is_recursive else (step.name,))


def _inputs(step: Step, values: Mapping[str, Items]) -> list[Items]:
    """What a stage is given of whole signals."""
    branches = [values[name][skip:] for name, skip in zip(step.inputs, step.offsets, strict=True)]
    count = min(map(len, branches))
    return [items[:count] for items in branches]


def _check_delay(plan: Plan, name: str, x: Items) -> None:
    """An output has left once as many items came after its own as the plan says, or earlier."""
    (step,) = [step for step in plan.steps if step.name == name]
    states, outputs = plan.step(plan.begin(), x, frozenset({name}))
    assert plan.positions(states)[name] == len(outputs[name])
    complete = (len(x) - 1 - step.delay - step.format.origin) / step.format.stride
    assert len(outputs[name]) >= floor(complete) + 1
