"""The operators, by name. To add one: write its file, and name it here."""

from functools import cache

from corrente_pipelines.operator import Operator, operator_name
from corrente_pipelines.operators.argmax import Argmax
from corrente_pipelines.operators.classify import Classify
from corrente_pipelines.operators.correlate import Correlate
from corrente_pipelines.operators.crop import Crop
from corrente_pipelines.operators.gaussian import Gaussian
from corrente_pipelines.operators.gray import Gray
from corrente_pipelines.operators.magnitude import Magnitude
from corrente_pipelines.operators.moving_average import MovingAverage
from corrente_pipelines.operators.prewitt import Prewitt
from corrente_pipelines.operators.relu import Relu
from corrente_pipelines.operators.resize import Resize
from corrente_pipelines.operators.subtract import Subtract
from corrente_pipelines.operators.sum import Sum
from corrente_pipelines.plug_ins import Known, gathered

OPERATORS: tuple[type[Operator], ...] = (
    Argmax,
    Classify,
    Correlate,
    Crop,
    Gaussian,
    Gray,
    Magnitude,
    MovingAverage,
    Prewitt,
    Relu,
    Resize,
    Subtract,
    Sum,
)


BY_NAME = {operator_name(operator): operator for operator in OPERATORS}


@cache
def known() -> Known:
    """These, and those that other packages bring: found when they are first asked for.

    So a package may be imported, and import what it needs from here, before it is asked for any.
    """
    return gathered(BY_NAME)


__all__ = ["BY_NAME", "OPERATORS", "known"]
