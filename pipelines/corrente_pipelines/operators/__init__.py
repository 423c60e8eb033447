"""The operators, by name. To add one: write its file, and name it here."""

from functools import cache

from corrente_pipelines.operator import Operator, operator_name
from corrente_pipelines.operators.abs import Abs
from corrente_pipelines.operators.add import Add
from corrente_pipelines.operators.argmax import Argmax
from corrente_pipelines.operators.average_pool import AveragePool
from corrente_pipelines.operators.background import Background
from corrente_pipelines.operators.classify import Classify
from corrente_pipelines.operators.clip import Clip
from corrente_pipelines.operators.convolve import Convolve
from corrente_pipelines.operators.correlate import Correlate
from corrente_pipelines.operators.crop import Crop
from corrente_pipelines.operators.crossings import Crossings
from corrente_pipelines.operators.decimate import Decimate
from corrente_pipelines.operators.derivative import Derivative
from corrente_pipelines.operators.difference import Difference
from corrente_pipelines.operators.envelope import Envelope
from corrente_pipelines.operators.event_rate import EventRate
from corrente_pipelines.operators.fir import Fir
from corrente_pipelines.operators.gabor import Gabor
from corrente_pipelines.operators.gaussian import Gaussian
from corrente_pipelines.operators.gray import Gray
from corrente_pipelines.operators.iir import Iir
from corrente_pipelines.operators.laplacian import Laplacian
from corrente_pipelines.operators.magnitude import Magnitude
from corrente_pipelines.operators.match_template import MatchTemplate
from corrente_pipelines.operators.max_pool import MaxPool
from corrente_pipelines.operators.moving_average import MovingAverage
from corrente_pipelines.operators.multiply import Multiply
from corrente_pipelines.operators.prewitt import Prewitt
from corrente_pipelines.operators.relu import Relu
from corrente_pipelines.operators.resample import Resample
from corrente_pipelines.operators.resize import Resize
from corrente_pipelines.operators.rms import Rms
from corrente_pipelines.operators.scale import Scale
from corrente_pipelines.operators.sobel import Sobel
from corrente_pipelines.operators.spectrogram import Spectrogram
from corrente_pipelines.operators.square import Square
from corrente_pipelines.operators.standardize import Standardize
from corrente_pipelines.operators.subtract import Subtract
from corrente_pipelines.operators.sum import Sum
from corrente_pipelines.operators.threshold import Threshold
from corrente_pipelines.operators.to_uint8 import ToUint8
from corrente_pipelines.plug_ins import Known, gathered

OPERATORS: tuple[type[Operator], ...] = (
    Abs,
    Add,
    Argmax,
    AveragePool,
    Background,
    Classify,
    Clip,
    Convolve,
    Correlate,
    Crop,
    Crossings,
    Decimate,
    Derivative,
    Difference,
    Envelope,
    EventRate,
    Fir,
    Gabor,
    Gaussian,
    Gray,
    Iir,
    Laplacian,
    Magnitude,
    MatchTemplate,
    MaxPool,
    MovingAverage,
    Multiply,
    Prewitt,
    Relu,
    Resample,
    Resize,
    Rms,
    Scale,
    Sobel,
    Spectrogram,
    Square,
    Standardize,
    Subtract,
    Sum,
    Threshold,
    ToUint8,
)

BY_NAME = {operator_name(operator): operator for operator in OPERATORS}


@cache
def known() -> Known:
    """These, and those that other packages bring: found when they are first asked for.

    So a package may be imported, and import what it needs from here, before it is asked for any.
    """
    return gathered(BY_NAME)


__all__ = ["BY_NAME", "OPERATORS", "known"]
