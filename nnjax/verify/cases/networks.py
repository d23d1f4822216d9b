"""Cases of whole networks: layers in series."""

from nnjax.combine import serial
from nnjax.initializers import glorot, he, lecun, normal, uniform_fan_in, zeros
from nnjax.layers.activations import leaky_relu, relu, sigmoid, tanh
from nnjax.layers.dense import dense
from nnjax.layers.softmax import softmax
from nnjax.verify.case import LayerCase

_BETWEEN = {
    "relu": relu(),
    "leaky_relu": leaky_relu(0.1),
    "sigmoid": sigmoid(),
    "tanh": tanh(),
    "softmax": softmax(),
}

_INITIALISERS = {
    "init normal, glorot, he": (normal(0.5), glorot(), he()),
    "init lecun, uniform, zeros": (lecun(), uniform_fan_in(), zeros()),
}

_NESTED = serial(
    serial(dense(5), serial(tanh())),
    serial(),
    sigmoid(),
    serial(dense(3), leaky_relu(0.1), dense(2), softmax()),
)

LAYERS = [
    *(
        LayerCase("serial", f"dense, {name}, dense", serial(dense(5), f, dense(2)), (3,))
        for name, f in _BETWEEN.items()
    ),
    *(
        LayerCase(
            "serial",
            label,
            serial(dense(5, a), tanh(), dense(3, b), tanh(), dense(2, c)),
            (3,),
            at_init=True,
        )
        for label, (a, b, c) in _INITIALISERS.items()
    ),
    LayerCase("serial", "empty", serial(), (3,)),
    LayerCase("serial", "square", serial(dense(3), dense(3)), (3,)),
    LayerCase("serial", "nested", _NESTED, (3,)),
    LayerCase("serial", "nested, batch 1, middle axis", _NESTED, (2, 3), batch=1),
]
