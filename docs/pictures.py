"""Draws what an operator makes of real input."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from corrente.format import AnyBlock, Events, Format, Items, format_of
from corrente_pipelines import Pipeline, Plan
from corrente_pipelines.deviation import whole
from corrente_pipelines.operator import Operator

HERE = Path(__file__).parent
DATA = HERE.parent / "examples" / "data"

mpl.rcParams |= {"font.size": 8, "svg.hashsalt": "corrente", "axes.spines.top": False}
mpl.rcParams |= {"axes.spines.right": False, "lines.linewidth": 0.9}

LINE = "#2a6f97"
MAPS = 4
"""Channels of a frame that are drawn."""


@dataclass(frozen=True)
class Shown:
    """Which stages are shown on which input; the last one is drawn."""

    input: str
    stages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


def _ecg() -> tuple[Items, float]:
    return np.load(DATA / "ecg.npy")[360 * 3 : 360 * 8], 360.0


def _camera() -> tuple[Items, float]:
    image = cv2.imread(str(DATA / "camera.png"), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return cv2.resize(image[20:404, 60:444], (192, 192), interpolation=cv2.INTER_AREA)[None], 30.0


def _colour() -> tuple[Items, float]:
    (gray,), rate_hz = _camera()
    return cv2.applyColorMap(gray, cv2.COLORMAP_TWILIGHT)[None, ..., ::-1].copy(), rate_hz


def _street() -> tuple[Items, float]:
    """A patch of the photograph that moves before the rest."""
    (still,), rate_hz = _camera()
    frames = np.repeat(still[None], 24, axis=0)
    for n, frame in enumerate(frames):
        frame[120:160, 4 * n : 4 * n + 40] = still[20:60, 80:120]
    return frames, rate_hz


def _digits() -> tuple[Items, float]:
    return np.load(DATA / "digits.npz")["images"][:1], 1.0


INPUTS = {"ecg": _ecg, "camera": _camera, "colour": _colour, "street": _street, "digits": _digits}


def fitting(operator: type[Operator]) -> Shown:
    """The last example of an operator, on the first input that it takes."""
    for example in reversed(operator.examples()):
        for name in ("ecg", "camera", "colour"):
            x, rate_hz = INPUTS[name]()
            try:
                example.fit(*[format_of(x.shape[1:], rate_hz, x.dtype)] * example.arity)
            except ValueError:
                continue
            stage = example.model_dump(mode="json", exclude_defaults=True) | {"op": example.name}
            return Shown(name, {"y": stage})
    raise ValueError(f"say in shown.yaml what {operator.__name__} is shown on")


def draw(shown: Shown, file: Path) -> Plan:
    """Draws the input beside, or above, the last stage's output; the plan behind it."""
    x, rate_hz = INPUTS[shown.input]()
    spec = {"corrente": 1, "name": "shown", "stages": shown.stages}
    plan = Pipeline.of(spec, str(HERE)).plan(format_of(x.shape[1:], rate_hz, x.dtype))
    step = plan.steps[-1]
    y = whole(plan, x)[step.name]
    if plan.format.kind == "frames":
        figure = _side_by_side(x, y, step.format)
    else:
        figure = _one_above_the_other(x, plan.format, y, step.format, rate_hz)
    figure.savefig(file, metadata={"Date": None}, bbox_inches="tight", transparent=False)
    return plan


def _one_above_the_other(
    x: Items, source: Format, y: AnyBlock, format: Format, rate_hz: float
) -> Figure:
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=format.kind != "frames")
    _signal(above, x, source, rate_hz, "input")
    if isinstance(y, Events):
        _signal(below, x, source, rate_hz, "events")
        below.vlines(y.rows[:, 0] / rate_hz, *below.get_ylim(), "#c1121f", linewidth=0.8)
        below.set_xlabel("seconds")
    elif format.kind == "frames":
        image = below.imshow(
            y[0], aspect="auto", origin="upper", cmap="magma", interpolation="none"
        )
        below.set(xlabel="column", ylabel="row")
        figure.colorbar(image, ax=below)
    else:
        _signal(below, y, format, rate_hz, "output")
        below.set_xlabel("seconds")
    return figure


def _signal(axes: Axes, x: Items, format: Format, rate_hz: float, label: str) -> None:
    places = [float(format.origin + k * format.stride) / rate_hz for k in range(len(x))]
    marker = "." if len(x) < 300 else ""
    axes.plot(places, x, color=None if x.shape[1] > 1 else LINE, marker=marker, markersize=3)
    axes.set_ylabel(label)
    axes.margins(x=0)


def _side_by_side(x: Items, y: AnyBlock, format: Format) -> Figure:
    assert not isinstance(y, Events)
    if format.kind == "signal":
        return _beside_bars(x[-1], y[-1], format)
    last = y[-1] if y.ndim == 4 else y[-1][..., None]
    maps = [last[..., c] for c in range(min(last.shape[-1], MAPS))]
    figure = Figure(figsize=(1.9 * (1 + len(maps)), 2.1), layout="constrained")
    axes = figure.subplots(1, 1 + len(maps))
    _frame(axes[0], x[-1], "input")
    labels = format.labels or [""] * len(maps)
    for one, values, label in zip(axes[1:], maps, labels, strict=False):
        _frame(one, values, label or "output")
    return figure


def _beside_bars(frame: Items, classes: Items, format: Format) -> Figure:
    figure = Figure(figsize=(5.0, 2.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    _frame(left, frame, "input")
    right.bar(format.labels, classes, color=LINE)
    right.set_ylabel("probability")
    return figure


def _frame(axes: Axes, values: Items, title: str) -> None:
    """Gray; what has both signs on a scale that is white at 0."""
    axes.set_title(title)
    axes.set_axis_off()
    if values.ndim == 2 and values.dtype.kind == "f" and values.min() < 0:
        most = float(np.percentile(np.abs(values), 99.5)) or 1.0
        axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="none")
    else:
        axes.imshow(values, cmap="gray", interpolation="none")
