"""The operators, by name. To add one: write its file, and name it here."""

from corrente_pipelines.operator import Operator, operator_name
from corrente_pipelines.operators.argmax import Argmax
from corrente_pipelines.operators.average_pool import AveragePool
from corrente_pipelines.operators.background import Background
from corrente_pipelines.operators.classify import Classify
from corrente_pipelines.operators.correlate import Correlate
from corrente_pipelines.operators.crop import Crop
from corrente_pipelines.operators.difference import Difference
from corrente_pipelines.operators.gabor import Gabor
from corrente_pipelines.operators.gaussian import Gaussian
from corrente_pipelines.operators.gray import Gray
from corrente_pipelines.operators.laplacian import Laplacian
from corrente_pipelines.operators.magnitude import Magnitude
from corrente_pipelines.operators.match_template import MatchTemplate
from corrente_pipelines.operators.max_pool import MaxPool
from corrente_pipelines.operators.moving_average import MovingAverage
from corrente_pipelines.operators.prewitt import Prewitt
from corrente_pipelines.operators.relu import Relu
from corrente_pipelines.operators.resize import Resize
from corrente_pipelines.operators.sobel import Sobel
from corrente_pipelines.operators.subtract import Subtract
from corrente_pipelines.operators.sum import Sum
from corrente_pipelines.operators.to_uint8 import ToUint8

OPERATORS: tuple[type[Operator], ...] = (
    Argmax,
    AveragePool,
    Background,
    Classify,
    Correlate,
    Crop,
    Difference,
    Gabor,
    Gaussian,
    Gray,
    Laplacian,
    Magnitude,
    MatchTemplate,
    MaxPool,
    MovingAverage,
    Prewitt,
    Relu,
    Resize,
    Sobel,
    Subtract,
    Sum,
    ToUint8,
)


BY_NAME = {operator_name(operator): operator for operator in OPERATORS}

__all__ = ["BY_NAME", "OPERATORS"]
