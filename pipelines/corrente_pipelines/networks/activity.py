"""What a body does, of 5 s of its accelerometer and gyroscope at 10 Hz: 6,324 parameters.

Smaller than usual: there are but forty recordings to learn from.
"""

from corrente_pipelines.networks.layers import (
    Conv,
    Dense,
    Dropout,
    GlobalAveragePool,
    MaxPool,
    Network,
    Relu,
    Softmax,
)

activity = Network(
    input=(50, 6),
    layers=(
        Conv(filters=16, size=5),
        Relu(),
        MaxPool(size=2, stride=2),
        Conv(filters=32, size=5),
        Relu(),
        MaxPool(size=2, stride=2),
        Conv(filters=32, size=3),
        Relu(),
        GlobalAveragePool(),
        Dropout(rate=0.2),
        Dense(units=4),
        Softmax(),
    ),
)
