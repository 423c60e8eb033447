"""What every operator and every plan keeps, checked for one case at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import cycle, pairwise
from math import ceil, floor

import numpy as np
from hypothesis import strategies as st

from corrente.format import AnyBlock, Events, Format, FormatError, Items
from corrente_pipelines import rewrites
from corrente_pipelines import state as stored
from corrente_pipelines.bank import Bank
from corrente_pipelines.blocks import concatenate, data, events, nothing
from corrente_pipelines.kernelled import Kernelled
from corrente_pipelines.operator import UNIT_ROUNDOFF, Operator, State
from corrente_pipelines.operators import OPERATORS
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.plan import Plan
from corrente_pipelines.rewrites.form import Form
from corrente_pipelines.rewrites.tiles import Tiles
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

EVENTS = (
    Format(kind="events", shape=(1,), dtype="float64", labels=("index",)),
    Format(
        kind="events",
        shape=(2,),
        dtype="float64",
        rate_hz=0.4,
        labels=("index", "height"),
        origin=Fraction(1, 3),
        stride=Fraction(5, 2),
    ),
)
"""What no stream has, but an operator may take."""


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
            for format in (*FORMATS, *EVENTS):
                formats = [format] * example.arity
                if fits(example, *formats):
                    yield example.prepared(*formats), format


def forms() -> Iterator[tuple[Operator, Format]]:
    """Every other way to compute an operator, for the examples that have some, and longer ones."""
    filters = [
        Fir(low_hz=0.1, taps=49, max_delay=20),
        Fir(band_hz=(0.1, 0.3), taps=50, pad="edge"),
        Fir(high_hz=0.2, taps=33, pad="valid", max_delay=200),
        Fir(low_hz=0.02, taps=300, max_delay=40, pad="edge"),
        Fir(low_hz=0.02, taps=129, max_delay=31),
        Fir(low_hz=0.02, taps=128, max_delay=31, pad="valid"),
    ]
    for format in (format for format in FORMATS if format.kind == "signal"):
        for operator in filters:
            for form in rewrites.forms(operator.prepared(format), format)[1:]:
                yield form, format
    for example, format in cases():
        yield from ((tiled, format) for tiled in _tiled(example, format))
        for form in rewrites.forms(example, *[format] * example.arity)[1:]:
            yield form, format


def _tiled(operator: Operator, format: Format) -> Iterator[Form]:
    """Kernels on frames in tiles that are smaller than the frame, where they hold the kernel."""
    if format.kind == "frames" and isinstance(operator, Kernelled | Bank):
        taps = operator.weights(format).taps
        height, width = taps.shape if taps.ndim == 2 else taps.shape[1:3]
        for tile in ((8, 8), (16, 8)):
            if height <= tile[0] and width <= tile[1]:
                yield Tiles(of=operator, tile=tile)


@st.composite
def signals(draw: st.DrawFn, format: Format, count: int = 1) -> list[AnyBlock]:
    """Whole signals of that format: any length, any scale, sometimes not finite somewhere."""
    # Now and then longer than the tiles that kernels work in.
    lengths = {"signal": (60, (1500, 5000)), "frames": (9, (40,)), "events": (60, (300,))}
    longest, long = lengths[format.kind]
    is_long = draw(st.sampled_from([False] * 7 + [True]))
    length = draw(st.sampled_from(long) if is_long else st.integers(0, longest))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if format.kind == "events":
        return [_events(random, format, length) for _ in range(count)]
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


def spoilt(random: np.random.Generator, format: Format, length: int) -> AnyBlock:
    """A signal many of whose items are infinite, or NaNs that differ in their bits."""
    shape = (length, *format.shape)
    x = _signal(random, shape, format.dtype, 1.0, []).copy()
    if x.dtype.kind == "f":
        bits = {4: (np.uint32, 0xFFC00001), 8: (np.uint64, 0xFFF8000000000001)}[x.dtype.itemsize]
        other = np.array(bits[1], bits[0]).view(x.dtype)
        drawn = random.random(shape) / random.choice([0.02, 0.1, 0.4])
        for value, share in ((np.nan, 1.0), (np.inf, 0.6), (-np.inf, 0.3), (other, 0.1)):
            x[drawn < share] = value
    x.flags.writeable = False
    return x


def _events(random: np.random.Generator, format: Format, count: int) -> Events:
    """None, one or several events at or behind each of so many items, before the next."""
    owners = np.repeat(np.arange(count), random.integers(0, random.integers(1, 4), count))
    rows = random.standard_normal((len(owners), *format.shape))
    for row, k in zip(rows, owners.tolist(), strict=True):
        part = random.choice([0.0, random.uniform(0, 0.99)])
        row[0] = format.place(k) + part * (format.place(k + 1) - format.place(k))
    rows[:, 0].sort()
    rows.flags.writeable = False
    return events(rows, owners, count)


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

DOUBLE_ROUNDOFF = 2.0**-53

Between = Callable[[State, State], State]
"""What happens to a state between two blocks."""


def stream(
    operator: Operator,
    format: Format,
    x: list[AnyBlock],
    blocks: list[slice],
    between: Between = kept,
    index: int = 0,
) -> AnyBlock:
    """The operator's output. Whoever published a block overwrites it afterwards."""
    formats = [format] * operator.arity
    start = state = operator.start(*formats, index=index)
    out = operator.output(*formats)
    parts = [nothing(out)]
    for block in blocks:
        given = [_copied(signal[block]) for signal in x]
        before, value = state, stored.dump(state)
        state, items = operator.step(before, *given)
        assert stored.dump(before) == value, f"{operator} changed the state it was given"
        for buffer, signal in zip(given, x, strict=True):
            check_same_bits(buffer, signal[block])
            _overwrite(buffer)
        state = between(state, start)
        parts.append(items)
    owed = operator.finish(state)
    parts += [] if owed is None else [owed]
    for part in parts:  # put together, a narrower dtype would not show
        check_shape(out, part)
    return concatenate(parts)


def _copied(block: AnyBlock) -> AnyBlock:
    if isinstance(block, Events):
        return Events(block.rows.copy(), block.items.copy(), block.count)
    return block.copy()


def _overwrite(block: AnyBlock) -> None:
    for array in (block.rows, block.items) if isinstance(block, Events) else (block,):
        array.fill(77)


def check_same_bits(got: AnyBlock, expected: AnyBlock) -> None:
    """Equal to the last bit, shapes and dtypes too."""
    if isinstance(got, Events):
        assert isinstance(expected, Events)
        assert got.count == expected.count
        check_same_bits(got.items, expected.items)
        check_same_bits(got.rows, expected.rows)
        return
    assert not isinstance(expected, Events)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert got.tobytes() == expected.tobytes()


def check_reference(operator: Operator, y: AnyBlock, *x: AnyBlock) -> None:
    """Within the operator's tolerance of its definition; not finite at exactly the same places.

    Events are those of the definition, each of the same item.
    """
    wanted = operator.reference(*x)
    if isinstance(wanted, Events):
        assert isinstance(y, Events)
        assert y.count == wanted.count
        np.testing.assert_array_equal(y.items, wanted.items)
        bound = operator.tolerance(*x) + 4 * DOUBLE_ROUNDOFF * np.abs(wanted.rows)
        assert (np.abs(y.rows - wanted.rows) <= bound).all()
        return
    assert not isinstance(y, Events)
    assert y.shape == wanted.shape
    bound = np.broadcast_to(operator.tolerance(*x), wanted.shape)
    assert not np.isnan(bound).any(), f"{operator} bounds nothing somewhere"
    # Beyond float32's range a number is an infinity, and a sum may be one on its way.
    largest = np.abs(wanted, where=np.isfinite(wanted), out=np.zeros(wanted.shape))
    inside = bound / UNIT_ROUNDOFF + largest < np.finfo(np.float32).max
    y, wanted, bound = y[inside], wanted[inside], bound[inside]
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(np.isfinite(y), finite)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(wanted))
    np.testing.assert_array_equal(np.signbit(y[np.isinf(y)]), np.signbit(wanted[np.isinf(wanted)]))
    rounding = UNIT_ROUNDOFF * largest[inside] + UNDERFLOW
    error = np.abs(y[finite] - wanted[finite])
    assert (error <= (bound + rounding)[finite]).all(), f"{operator} is off by {error.max()}"


def first_sound(operator: Operator, format: Format, begin: int) -> int:
    """The first output that is made of no item before `begin`."""
    formats = [format] * operator.arity
    out = operator.output(*formats)
    shift = (out.origin - format.origin) / format.stride
    before = operator.receptive_field(*formats) - 1 - operator.delay(*formats)
    return ceil((begin + before - shift) / (out.stride / format.stride))


def heard(operator: Operator, begin: int, *x: AnyBlock) -> int:
    """The item from which a stream begun at `begin` can have forgotten its begin.

    An operator that holds the last finite item has none to hold before it has seen one.
    """
    if not operator.is_recursive or begin >= len(x[0]):
        return begin
    late = [signal[begin:] for signal in x if not isinstance(signal, Events)]
    seen = [np.isfinite(signal).reshape(len(signal), -1) for signal in late]
    complete = np.logical_or.accumulate(np.concatenate(seen, axis=1)).all(axis=1)
    return begin + int(complete.argmax()) if complete.any() else len(x[0])


def check_late(
    operator: Operator,
    late: AnyBlock,
    first: int,
    whole: AnyBlock,
    sound: int,
    x: Sequence[AnyBlock],
) -> None:
    """The outputs from `sound` on of a stream begun before `first` are those of the whole, `x`.

    To the last bit; those of an operator that never forgets wholly are within its bound, twice.
    """
    if not operator.is_recursive:
        check_same_bits(late[sound - first :], whole[sound:])
        return
    assert not isinstance(whole, Events)
    assert not isinstance(late, Events)
    bound = np.broadcast_to(operator.tolerance(*x), whole.shape)[sound:]
    late, whole = late[sound - first :], whole[sound:]
    np.testing.assert_array_equal(np.isfinite(late), np.isfinite(whole))
    finite = np.isfinite(whole)
    rounding = UNIT_ROUNDOFF * np.abs(whole[finite].astype(np.float64)) + UNDERFLOW
    error = np.abs(late[finite].astype(np.float64) - whole[finite])
    assert (error <= 2 * (bound[finite] + rounding)).all()


def check_late_events(late: Events, first: int, whole: Events, begin: int, field: int) -> None:
    """Events of which each may depend on all before: of a stream begun midway, and of the whole.

    One from item `begin` on that only one of them has lies less than the receptive field behind
    one of the other's. From the first that both have on, they are the same to the last bit.
    """
    # Where the whole is shorter than a window, it ends before that begin.
    assert first + len(late) == max(first, len(whole))
    mine, theirs = _rows_of_items(late, first), _rows_of_items(whole, 0)
    for some, others in ((mine, theirs), (theirs, mine)):
        near = [k for k, _ in others]
        for k, row in some:
            if k >= begin and (k, row) not in others:
                assert any(k - field < j <= k for j in near)
    both = [event for event in mine if event[0] >= begin and event in theirs]
    for event in both[:1]:
        assert mine[mine.index(event) :] == theirs[theirs.index(event) :]


def _rows_of_items(events: Events, first: int) -> list[tuple[int, bytes]]:
    items = (events.items + first).tolist()
    return [(k, row.tobytes()) for k, row in zip(items, events.rows, strict=True)]


def check_places(format: Format, y: AnyBlock) -> None:
    """Events are in order, each at or behind the item it belongs to, and before the next."""
    if not isinstance(y, Events):
        return
    assert y.rows.flags.c_contiguous
    assert (y.items >= 0).all()
    assert (y.items < y.count).all()
    assert (np.diff(y.items) >= 0).all()
    assert (np.diff(y.rows[:, 0]) >= 0).all()
    for k, place in zip(y.items.tolist(), y.rows[:, 0].tolist(), strict=True):
        assert format.place(k) <= place < format.place(k + 1)


def check_shape(format: Format, y: AnyBlock) -> None:
    """What comes out looks as the format says."""
    plain = data(y)
    assert plain.shape[1:] == format.shape
    assert plain.dtype == format.dtype
    assert isinstance(y, Events) == (format.kind == "events")


def check_operator(
    operator: Operator, format: Format, x: list[AnyBlock], blocks: list[slice], middle: int
) -> None:
    """The whole contract, for one signal, one way to cut it and one index to begin at.

    A form that waits for frames may give an output earlier than at its delay, as plans may.
    """
    formats = [format] * operator.arity
    out = operator.output(*formats)
    whole = stream(operator, format, x, [slice(None)])
    check_places(out, whole)
    for between in (kept, reloaded):
        check_same_bits(stream(operator, format, x, blocks, between), whole)
    check_reference(operator, whole, *x)

    _, at_once = operator.step(operator.start(*formats), *x)
    stride = out.stride / format.stride
    shift = (out.origin - format.origin) / format.stride
    complete = (len(x[0]) - 1 - operator.delay(*formats) - shift) / stride
    least = max(0, floor(complete) + 1)
    assert len(at_once) >= least if isinstance(operator, Form) else len(at_once) == least

    rest = [signal[middle:] for signal in x]
    late = stream(operator, format, rest, [slice(None)], index=middle)
    first = ceil(middle / stride)
    if isinstance(whole, Events) and isinstance(late, Events) and operator.is_recursive:
        check_late_events(late, first, whole, first, operator.receptive_field(*formats))
        return
    sound = max(first, first_sound(operator, format, heard(operator, middle, *x)))
    check_late(operator, late, first, whole, sound, x)


def run_plan(
    plan: Plan, x: Items, blocks: list[slice], between: Between = kept, index: int = 0
) -> dict[str, AnyBlock]:
    """Every stage's output. Whoever published a block overwrites it afterwards."""
    start = states = plan.begin(index)
    parts = [{name: nothing(format) for name, format in plan.formats.items()}]
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
    for part in parts:
        for name, format in plan.formats.items():
            check_shape(format, part[name])
    return {name: concatenate([part[name] for part in parts]) for name in plan.formats}


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
    _check_wishes(plan, x, blocks, want, whole)
    _check_joins(plan)
    values: dict[str, AnyBlock] = {"input": x, **whole}
    for step in plan.steps:
        check_reference(step.operator, whole[step.name], *_inputs(step, values))
        check_places(step.format, whole[step.name])
        _check_delay(plan, step.name, x)


def _wanted(plan: Plan, x: Items, blocks: list[slice], want: frozenset[str]) -> dict[str, AnyBlock]:
    stream = plan.start(want)
    parts = [stream.push(x[block]) for block in blocks]
    parts.append(stream.finish())
    return {name: concatenate([part[name] for part in parts]) for name in want}


def _check_wishes(
    plan: Plan, x: Items, blocks: list[slice], want: frozenset[str], whole: dict[str, AnyBlock]
) -> None:
    """Who wants what may change with every block: what is wanted is what it would have been."""
    states = plan.begin()
    for block, wish in zip(blocks, cycle([want, whole.keys() - want]), strict=False):
        before = plan.positions(states)
        states, outputs = plan.step(states, x[block], frozenset(wish))
        assert outputs.keys() == wish
        for name, items in outputs.items():
            start = before[name]
            check_same_bits(items, whole[name][start : start + len(items)])
    before = plan.positions(states)
    for name, items in plan.finish(states).items():
        check_same_bits(items, whole[name][before[name] :])


def _check_joins(plan: Plan) -> None:
    """Items that come together at a join lie at one place of the source, by their formats."""
    for step in plan.steps:
        branches = zip(step.branches, step.offsets, strict=True)
        places = {branch.origin + skip * branch.stride for branch, skip in branches}
        assert places == {format.origin for format in step.joined}
        assert len({format.stride for format in step.joined}) == 1


def _check_begin(plan: Plan, x: Items, whole: dict[str, AnyBlock], middle: int) -> None:
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
            got, all_ = late[step.name], whole[step.name]
            if isinstance(got, Events) and isinstance(all_, Events) and step.operator.is_recursive:
                field = step.operator.receptive_field(*step.joined)
                start = max(first[step.name], *joined)
                check_late_events(got, first[step.name], all_, start, field)
                continue
            check_late(step.operator, got, first[step.name], all_, sound[step.name], inputs)
            exact.update(() if step.operator.is_recursive else (step.name,))


def _inputs(step: Step, values: Mapping[str, AnyBlock]) -> list[AnyBlock]:
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
