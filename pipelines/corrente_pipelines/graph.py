"""The stages of a spec as a graph."""

from corrente_pipelines.errors import Problem, SpecError, nearest
from corrente_pipelines.spec import INPUT, Spec

Graph = dict[str, tuple[str, ...]]
"""Stage names and what each takes from, every stage behind its inputs."""


def graph(spec: Spec) -> Graph:
    """The graph of the spec's stages; raises `SpecError` for unknown names, counts, cycles."""
    inputs = _inputs(spec)
    problems = [problem for name in inputs for problem in _problems(spec, name, inputs[name])]
    if problems:
        raise SpecError(problems)
    return _ordered(inputs)


def _inputs(spec: Spec) -> Graph:
    """What each stage takes from: what it says, else the stage above, at the top the source."""
    above, inputs = INPUT, Graph()
    for name, stage in spec.stages.items():
        several = stage.operator.arity > 1
        inputs[name] = stage.inputs or (() if several else (above,))
        above = name
    return inputs


def _problems(spec: Spec, name: str, inputs: tuple[str, ...]) -> list[Problem]:
    path = ("stages", name)
    if name == INPUT:
        return [Problem(path, f"{INPUT} is the source's name; call the stage something else")]
    operator = spec.stages[name].operator
    if len(inputs) != operator.arity:
        example = ", ".join([INPUT, "STAGE", "STAGE"][: operator.arity])
        return [
            Problem(
                (*path, "from"),
                f"takes {operator.arity} input{'s' * (operator.arity > 1)}, got {len(inputs)}; "
                f"name what it takes from: from: [{example}]",
            )
        ]
    known = [INPUT, *spec.stages]
    return [
        Problem((*path, "from"), f"there is no stage {source!r}{nearest(source, known)}")
        for source in inputs
        if source not in known
    ]


def _ordered(inputs: Graph) -> Graph:
    ordered: Graph = {}
    waiting = dict(inputs)
    while waiting:
        ready = [
            name
            for name, sources in waiting.items()
            if all(source == INPUT or source in ordered for source in sources)
        ]
        if not ready:
            raise SpecError([_cycle(waiting)])
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered


def _cycle(waiting: Graph) -> Problem:
    """The problem with stages of which each waits for another: follow one until it comes again."""
    trail = [next(iter(waiting))]
    while trail.count(trail[-1]) < 2:
        trail.append(next(source for source in waiting[trail[-1]] if source in waiting))
    cycle = trail[trail.index(trail[-1]) :]
    return Problem(
        ("stages", cycle[0], "from"),
        f"the stages go in a circle: {' <- '.join(cycle)}; take one of them from an earlier stage",
    )
