"""A plan as a drawing: its stages from left to right, as an SVG."""

from collections.abc import Mapping
from html import escape
from itertools import pairwise

from corrente_pipelines.explain import Explanation, duration, rate, short
from corrente_pipelines.spec import INPUT
from corrente_pipelines.step import Step

BOX = (252, 92)
GAP = (64, 28)
MARGIN = 24

Node = tuple[str, int]
"""A stage in its own column, or what holds a place for a long edge in a column on its way."""

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .stage { font-weight: 600; font-size: 15px; }
  .fact { fill: #59636e; }
  rect { fill: #f6f8fa; stroke: #818b98; }
  .input rect { fill: #ddf4ff; stroke: #0969da; }
  .edge { fill: none; stroke: #59636e; stroke-width: 1.5; }
  .tip { fill: #59636e; }
  .paper { fill: #ffffff; stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .fact { fill: #b1bac4; }
    rect { fill: #212830; stroke: #8b949e; }
    .input rect { fill: #0c2d6b; stroke: #58a6ff; }
    .edge { stroke: #b1bac4; }
    .tip { fill: #b1bac4; }
    .paper { fill: #0d1117; }
  }
"""


def svg(explanation: Explanation) -> str:
    """The plan's graph: a box for each stage, an edge from each input."""
    columns = _columns(explanation.steps)
    rows = max(map(len, columns))
    places = {
        node: _place(column, row, len(nodes), rows)
        for column, nodes in enumerate(columns)
        for row, node in enumerate(nodes)
    }
    depths = _depths(explanation.steps)
    width = len(columns) * (BOX[0] + GAP[0]) - GAP[0] + 2 * MARGIN
    height = rows * (BOX[1] + GAP[1]) - GAP[1] + 2 * MARGIN
    edges = [
        _edge([places[node] for node in _way(source, step.name, depths)])
        for step in explanation.steps
        for source in dict.fromkeys(step.inputs)
    ]
    boxes = [_box(places[name, depths[name]], name, _facts(explanation, name)) for name in depths]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">',
            f"<title>pipeline {escape(explanation.pipeline)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path class="tip" d="M0,0 L8,4 L0,8 z"/>'
            "</marker></defs>",
            *edges,
            *boxes,
            "</svg>",
            "",
        ]
    )


def _depths(steps: tuple[Step, ...]) -> dict[str, int]:
    """The column of each stage: one behind the last of its inputs."""
    depths = {INPUT: 0}
    for step in steps:
        depths[step.name] = 1 + max(depths[name] for name in step.inputs)
    return depths


def _way(source: str, stage: str, depths: Mapping[str, int]) -> list[Node]:
    """The nodes of an edge; those between its ends hold its place in their columns."""
    first, last = depths[source], depths[stage]
    between: list[Node] = [(f"{source} {stage}", column) for column in range(first + 1, last)]
    return [(source, first), *between, (stage, last)]


def _columns(steps: tuple[Step, ...]) -> list[list[Node]]:
    """The nodes of every column, each near the middle of those before it."""
    depths = _depths(steps)
    columns: list[list[Node]] = [[] for _ in range(1 + max(depths.values()))]
    before: dict[Node, list[Node]] = {(name, depth): [] for name, depth in depths.items()}
    for step in steps:
        for source in dict.fromkeys(step.inputs):
            for one, next_one in pairwise(_way(source, step.name, depths)):
                before.setdefault(next_one, []).append(one)
    for node in before:
        columns[node[1]].append(node)
    for column, (left, nodes) in enumerate(pairwise(columns), 1):
        heights = {node: row - len(left) / 2 for row, node in enumerate(left)}
        means = {
            node: sum(heights[one] for one in before[node]) / len(before[node]) for node in nodes
        }
        columns[column] = sorted(nodes, key=means.__getitem__)
    return columns


def _place(column: int, row: int, count: int, rows: int) -> tuple[float, float]:
    """The upper left corner of a box; a column of fewer boxes stands in the middle."""
    x = MARGIN + column * (BOX[0] + GAP[0])
    return x, MARGIN + (row + (rows - count) / 2) * (BOX[1] + GAP[1])


def _edge(places: list[tuple[float, float]]) -> str:
    """A curve from the right side of the first box to the left side of the last."""
    x, y = places[0][0] + BOX[0], places[0][1] + BOX[1] / 2
    path = [f"M{x:g},{y:g}"]
    for left, top in places[1:]:
        middle = top + BOX[1] / 2
        bend = (x + left) / 2
        path.append(f"C{bend:g},{y:g} {bend:g},{middle:g} {left:g},{middle:g}")
        x, y = left, middle
        if (left, top) != places[-1]:
            x = left + BOX[0]
            path.append(f"H{x:g}")
    return f'<path class="edge" marker-end="url(#tip)" d="{" ".join(path)}"/>'


def _box(place: tuple[float, float], name: str, facts: list[str]) -> str:
    x, y = place
    lines = [f'<text class="stage" x="{x + 12:g}" y="{y + 24:g}">{escape(_cut(name, 23))}</text>']
    lines += [
        f'<text class="fact" x="{x + 12:g}" y="{y + 43 + 18 * k:g}">{escape(_cut(fact, 32))}</text>'
        for k, fact in enumerate(facts)
    ]
    kind = "input" if name == INPUT else "box"
    box = f'<rect x="{x:g}" y="{y:g}" width="{BOX[0]}" height="{BOX[1]}" rx="8"/>'
    title = f"<title>{escape(name)}</title>"
    return f'<g class="{kind}">{title}{box}{"".join(lines)}</g>'


def _facts(explanation: Explanation, name: str) -> list[str]:
    if name == INPUT:
        return [short(explanation.format), rate(explanation.format)]
    (step,) = [step for step in explanation.steps if step.name == name]
    cost = explanation.costs_ns.get(name)
    delay = f"delay {explanation.delay(step)}"
    return [
        f"{step.operator.name}, {step.algorithm}",
        f"{short(step.format)}, {rate(step.format)}",
        delay if cost is None else f"{delay}; {duration(cost)}",
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
