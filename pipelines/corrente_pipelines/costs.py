"""Models of what work takes, for a machine as most are: a choice needs ratios only."""

from math import ceil

from corrente.format import Format
from corrente_pipelines.operator import Weights


def direct_sums_ns(weights: Weights, format: Format) -> float:
    """Of a frame's sums of products: a product, four kernels' at once, and an output."""
    taps, pad, _ = weights
    is_shared = taps.ndim == 2
    height, width = taps.shape if is_shared else taps.shape[1:3]
    lost = (height - 1, width - 1) if pad == "valid" else (0, 0)
    outputs = (format.shape[0] - lost[0]) * (format.shape[1] - lost[1])
    if is_shared:
        return float(outputs * format.channels * (0.042 * height * width + 0.8))
    count = len(taps)
    product = 0.042 if count == 1 else 0.105 * ceil(count / 4)
    return float(outputs * (product * height * width * format.channels + 0.2 * count + 0.6))
