"""The operators, by name. To add one: write its file, and name it here."""

from corrente_pipelines.operator import Operator, operator_name
from corrente_pipelines.operators.argmax import Argmax
from corrente_pipelines.operators.classify import Classify
from corrente_pipelines.operators.convolve import Convolve
from corrente_pipelines.operators.correlate import Correlate
from corrente_pipelines.operators.crop import Crop
from corrente_pipelines.operators.decimate import Decimate
from corrente_pipelines.operators.derivative import Derivative
from corrente_pipelines.operators.envelope import Envelope
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.operators.gaussian import Gaussian
from corrente_pipelines.operators.gray import Gray
from corrente_pipelines.operators.iir import Iir
from corrente_pipelines.operators.magnitude import Magnitude
from corrente_pipelines.operators.moving_average import MovingAverage
from corrente_pipelines.operators.prewitt import Prewitt
from corrente_pipelines.operators.relu import Relu
from corrente_pipelines.operators.resample import Resample
from corrente_pipelines.operators.resize import Resize
from corrente_pipelines.operators.rms import Rms
from corrente_pipelines.operators.standardize import Standardize
from corrente_pipelines.operators.subtract import Subtract
from corrente_pipelines.operators.sum import Sum

OPERATORS: tuple[type[Operator], ...] = (
    Argmax,
    Classify,
    Convolve,
    Correlate,
    Crop,
    Decimate,
    Derivative,
    Envelope,
    Fir,
    Gaussian,
    Gray,
    Iir,
    Magnitude,
    MovingAverage,
    Prewitt,
    Relu,
    Resample,
    Resize,
    Rms,
    Standardize,
    Subtract,
    Sum,
)


BY_NAME = {operator_name(operator): operator for operator in OPERATORS}

__all__ = ["BY_NAME", "OPERATORS"]
