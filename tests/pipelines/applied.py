"""An operator by itself on whole items, as a spec of one stage."""

from corrente.format import Items
from corrente_pipelines import Pipeline


def pipeline(**stage: object) -> Pipeline:
    """The pipeline of that one stage, which is called `y`."""
    return Pipeline.of({"corrente": 1, "name": "example", "stages": {"y": stage}})


def applied(x: object, given_hz: float = 1, **stage: object) -> Items:
    """What the stage gives for all of `x`, whose rate is `given_hz`; a stage may name another."""
    return pipeline(**stage).apply(x, rate_hz=given_hz)["y"]
