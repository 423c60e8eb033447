"""The drawing of a plan: its boxes and edges, counted."""

from itertools import combinations
from xml.etree import ElementTree as ET

from corrente.format import Format
from corrente_pipelines import Pipeline
from corrente_pipelines.drawing import svg

SVG = "{http://www.w3.org/2000/svg}"
STAGES = {
    "smooth": {"op": "moving_average", "size": 5},
    "trend": {"op": "moving_average", "size": 181, "from": "input"},
    "rest": {"op": "subtract", "from": ["input", "trend"]},
    "end": {"op": "subtract", "from": ["smooth", "rest"]},
}


def test_every_stage_has_a_box_and_every_input_an_edge():
    spec = {"corrente": 1, "name": "a_name", "stages": STAGES}
    plan = Pipeline.of(spec).plan(Format(kind="signal", shape=(1,), rate_hz=360.0))
    drawing = ET.fromstring(svg(plan.explain({"trend": 4200.0})))
    boxes = [group for group in drawing.iter(f"{SVG}g") if group.find(f"{SVG}rect") is not None]
    said = [[text.text or "" for text in box.iter(f"{SVG}text")] for box in boxes]
    assert [lines[0] for lines in said] == ["input", *STAGES]
    # 181 // 2 behind the centre, at 360 a second
    assert "delay 90 items, 250 ms; 4.2 us" in said[2]
    edges = [path for path in drawing.iter(f"{SVG}path") if path.get("class") == "edge"]
    assert len(edges) == 1 + 1 + 2 + 2


def test_boxes_do_not_lie_on_each_other():
    spec = {"corrente": 1, "name": "a_name", "stages": STAGES}
    plan = Pipeline.of(spec).plan(Format(kind="signal", shape=(1,)))
    drawing = ET.fromstring(svg(plan.explain()))
    rects = [rect for group in drawing.iter(f"{SVG}g") for rect in group.iter(f"{SVG}rect")]
    places = [[float(rect.get(name, "")) for name in ("x", "y")] for rect in rects]
    sizes = [float(rects[0].get(name, "")) for name in ("width", "height")]
    for one, other in combinations(places, 2):
        apart = [abs(a - b) >= size for a, b, size in zip(one, other, sizes, strict=True)]
        assert any(apart)
