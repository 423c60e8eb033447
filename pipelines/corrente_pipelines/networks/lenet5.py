"""LeNet-5, as in the lecture: 32 x 32 x 1 in, ten classes out, 61,706 parameters.

The lecture's last layer ends with relu, and does not train; this one ends with logits, and softmax.
"""

from corrente_pipelines.networks.layers import (
    Conv,
    Dense,
    Flatten,
    MaxPool,
    Network,
    Relu,
    Softmax,
)

lenet5 = Network(
    input=(32, 32, 1),
    layers=(
        Conv(filters=6, size=5),
        Relu(),
        MaxPool(size=2, stride=2),
        Conv(filters=16, size=5),
        Relu(),
        MaxPool(size=2, stride=2),
        Conv(filters=120, size=5),
        Relu(),
        Flatten(),
        Dense(units=84),
        Relu(),
        Dense(units=10),
        Softmax(),
    ),
)
