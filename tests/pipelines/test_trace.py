"""What an output is made of, with windows counted by hand."""

from typing import Any

import numpy as np
import pytest

from corrente.format import Format, FormatError, Items
from corrente_pipelines import Pipeline
from corrente_pipelines.blocks import concatenate, data
from corrente_pipelines.deviation import joined
from corrente_pipelines.operators import OPERATORS
from corrente_pipelines.step import Step
from corrente_pipelines.trace import Trace, items_needed, trace
from tests.contract import cases

SIGNAL = Format(kind="signal", shape=(1,))


def traced(
    x: Items, stage: dict[str, Any], index: int, pixel: tuple[int, ...] = (), channel: int = 0
) -> Trace:
    pipeline = Pipeline.of({"corrente": 1, "name": "example", "stages": {"a": stage}})
    kind: Any = "signal" if x.ndim == 2 else "frames"
    plan = pipeline.plan(Format(kind=kind, shape=x.shape[1:], dtype=x.dtype.name))
    (step,) = plan.steps
    stream = plan.start()
    parts = stream.push(x)["a"], stream.finish()["a"]
    inputs = [data(block) for block in joined(step, {"input": x})]
    return trace(step, inputs, data(concatenate(parts)), index, pixel, channel)


def test_the_window_at_the_beginning_holds_padding():
    x = np.array([[3], [5], [7]], np.float32)
    made = traced(x, {"op": "correlate", "kernel": [1, 2, 3, 4]}, 0)
    # y[0] = sum_k w[k] x[k - 2]: two items of padding, then 3 * 3 + 4 * 5
    (window,) = made.windows
    assert window.first == (-2,)
    assert window.inputs.tolist() == [0, 0, 3, 5]
    assert window.inside.tolist() == [False, False, True, True]
    assert window.products.tolist() == [0, 0, 9, 20]
    assert made.total == made.value == 29


def test_the_last_item_is_repeated_behind_the_end():
    x = np.array([[3], [5], [7]], np.float32)
    made = traced(x, {"op": "correlate", "kernel": [1, 2, 3, 4, 5], "pad": "edge"}, 2)
    (window,) = made.windows
    assert window.inputs.tolist() == [3, 5, 7, 7, 7]
    assert made.total == made.value == 3 + 10 + 21 + 28 + 35


def test_a_valid_output_lies_at_the_centre_of_its_window():
    x = np.array([[3], [5], [7], [11]], np.float32)
    made = traced(x, {"op": "correlate", "kernel": [1, 1, 2], "pad": "valid"}, 1)
    assert made.windows[0].first == (1,)
    assert made.total == made.value == 5 + 7 + 22


def test_a_corner_of_a_frame_is_under_one_pixel_in_four_of_the_kernel():
    x = np.arange(1, 13, dtype=np.float32).reshape(1, 3, 4)
    made = traced(x, {"op": "prewitt"}, 0, (2, 3), channel=1)
    (window,) = made.windows
    assert window.first == (1, 2)
    assert window.inputs.tolist() == [[7, 8, 0], [11, 12, 0], [0, 0, 0]]
    assert window.taps.tolist() == [[1, 1, 1], [0, 0, 0], [-1, -1, -1]]
    assert made.total == made.value == 15


def test_kernels_over_channels_have_a_window_in_each():
    x = np.array([[1, 2], [3, 4]], np.float32)
    made = traced(x, {"op": "correlate", "kernels": [[[0, 0]], [[5, 7]]]}, 1, channel=1)
    assert [window.inputs.tolist() for window in made.windows] == [[3], [4]]
    assert made.total == made.value == 15 + 28


def test_a_mean_over_time_takes_a_pixel_of_several_frames():
    x = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    made = traced(x, {"op": "moving_average", "size": 3, "over": "time"}, 1, (2, 1))
    (window,) = made.windows
    assert window.inputs.tolist() == [5, 11, 0]
    assert made.total == pytest.approx(16 / 3)


def test_what_has_no_kernel_shows_the_items_it_sees():
    x = np.array([[3], [-5]], np.float32)
    made = traced(x, {"op": "relu"}, 1)
    assert made.windows == ()
    (seen,) = made.seen
    assert (seen.name, seen.first, seen.items.tolist()) == ("input", 1, [[-5]])


@pytest.mark.parametrize(
    ("index", "pixel", "channel", "complaint"),
    [
        (2, (0, 0), 0, "a has no output 2 of this recording; there are 0 to 1"),
        (0, (), 0, "a gives frames: say ROW COLUMN behind the index"),
        (0, (3, 0), 0, "a gives 3 rows and 2 columns, counted from 0"),
        (0, (0, 0), 1, "a has channels 0 to 0, not 1"),
    ],
)
def test_an_output_that_there_is_not_is_said(
    index: int, pixel: tuple[int, ...], channel: int, complaint: str
):
    with pytest.raises(FormatError, match=complaint):
        traced(np.zeros((2, 3, 2), np.float32), {"op": "relu"}, index, pixel, channel)


def test_the_sum_of_products_is_the_definition_of_every_operator_that_says_its_weights():
    # At the borders and inside, for every example on every format it takes.
    random = np.random.default_rng(0)
    said = set()
    for operator, format in cases():
        formats = [format] * operator.arity
        if operator.weights(*formats) is None:
            continue
        said.add(operator.name)
        x = random.uniform(0, 255, (9, *format.shape)).astype(format.dtype)
        check_sums(operator, format, x)
    assert said >= {"correlate", "gaussian", "moving_average", "prewitt"}
    assert said <= {operator.model_fields["op"].default for operator in OPERATORS}


def check_sums(operator: Any, format: Format, x: Items) -> None:
    out = operator.output(format)
    step = Step("a", operator, ("input",), (format,), (format,), (0,), out, 0)
    wanted = operator.reference(x)
    ends = sorted({0, len(wanted) // 2, len(wanted) - 1}) if len(wanted) else []
    for index in ends:
        pixels = [()] if out.kind == "signal" else [(0, 0), (out.shape[0] - 1, out.shape[1] // 2)]
        for pixel in pixels:
            for channel in {0, out.channels - 1}:
                made = trace(step, [x], wanted, index, pixel, channel)
                assert made.total == pytest.approx(made.value, rel=1e-9, abs=1e-9), operator


def test_as_many_items_are_read_as_an_output_waits_for():
    pipeline = Pipeline.of(
        {
            "corrente": 1,
            "name": "example",
            "stages": {
                "a": {"op": "moving_average", "size": 5},
                "b": {"op": "correlate", "kernel": [1, 2, 3], "pad": "valid"},
            },
        }
    )
    plan = pipeline.plan(SIGNAL)
    # output 4 of b lies at item 5, one behind its centre, and each of those waits for two more
    assert items_needed(plan.steps[1], SIGNAL, 4) == 5 + 1 + 2 + 1
