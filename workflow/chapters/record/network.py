"""The network that goes for the published best on ISOLET: its settings made into layers, loss,
optimizer and augmentation, and trained.

The columns of the spectra are not documented ("exact order of appearance of the features is not
known", says the data set). They show in the training rows: the residuals of neighbouring columns
(features minus letter mean) correlate 0.6 to 0.8 inside a spectrum, and not at all where one ends,
which is after every 32nd column; columns 32 apart, the same frequency one time step later,
correlate 0.8.
"""

from typing import Any

import numpy as np
from augmentations import named
from settings import Network

import nnjax as nn
from nnjax import augment
from nnjax.datasets.isolet import LETTERS
from workflow.lib.runs.networks import ACTIVATIONS, INITIALIZERS

STARTS = [*range(0, 320, 32), 480, 512, 544, 585]
"""First columns, from 0, of the 14 spectra: seven in the vowel, three around it, three before it,
and one more."""
SPECTRA = np.array(STARTS)[:, None] + np.arange(32)

HIDDEN = ACTIVATIONS | {"gelu": nn.gelu}


def network(recipe: Network) -> nn.Layer:
    """Dropout on the input, hidden layers with dropout, and a linear head."""
    if isinstance(recipe.init, str):
        weights = INITIALIZERS[recipe.init]()
    else:
        weights = nn.initializers.normal(recipe.init)
    layers = [nn.dropout(recipe.input_dropout)]
    for _ in range(recipe.hidden_layers):
        layers.append(nn.dense(recipe.hidden_units, weights))
        layers += [nn.batch_norm()] if recipe.batch_norm else []
        layers += [HIDDEN[recipe.activation](), nn.dropout(recipe.dropout)]
    bits = recipe.code_bits or LETTERS
    return nn.serial(*layers, nn.dense(bits, weights))


def codes(recipe: Network) -> Any:
    """The words of an error-correcting output code, or None for one score per letter."""
    import jax

    bits = recipe.code_bits
    return nn.codes.output_codes(LETTERS, bits, jax.random.key(0)) if bits else None


def loss(recipe: Network) -> nn.Loss:
    """Softmax cross-entropy with smoothed labels; with a code one sigmoid per bit."""
    if recipe.code_bits:
        return nn.codes.coded_cross_entropy(codes(recipe))
    return nn.label_smoothing(nn.softmax_cross_entropy, recipe.label_smoothing)


def augmentation(recipe: Network, training: tuple[np.ndarray, ...]) -> Any:
    """The augmentation of every training batch; None for none.

    Args:
        recipe: amounts, 0 for none.
        training: x, labels and speakers of the training rows, for what is fitted to them.
    """
    steps = []
    if recipe.warp:
        steps.append(augment.frequency_warp(SPECTRA, recipe.warp))
    if recipe.cepstral_noise:
        steps.append(augment.cepstral_noise(SPECTRA, recipe.cepstral_noise))
    steps += named(recipe.augmentations, SPECTRA, training)
    return augment.chained(steps) if steps else None


def optimizer(recipe: Network, rows: int) -> Any:
    """AdamW under a cosine with warm-up, or, with momentum, plain SGD at a constant rate.

    Returns:
        `learning_rate -> optax transformation`, as `sweep` takes it.
    """
    import optax

    steps = recipe.epochs * max(1, rows // recipe.batch_size)

    def adamw(learning_rate: Any) -> optax.GradientTransformation:
        warm = max(1, round(recipe.warmup * steps))
        course = optax.warmup_cosine_decay_schedule(0.0, 1.0, warm, steps)
        return optax.adamw(
            lambda step: learning_rate * course(step), weight_decay=recipe.weight_decay
        )

    def momentum(learning_rate: Any) -> optax.GradientTransformation:
        return optax.sgd(learning_rate, momentum=recipe.momentum)

    return momentum if recipe.momentum else adamw


def probabilities(
    recipe: Network,
    training: tuple[np.ndarray, ...],
    x_held_out: np.ndarray,
    seeds: list[int],
) -> np.ndarray:
    """Train one network per seed and let each judge held-out rows.

    Args:
        recipe: network and training.
        training: scaled x, labels and speakers.
        x_held_out: scaled with the training rows' mean and spread, (rows, features).
        seeds: one network each.

    Returns:
        Probabilities of the letters, (seeds, rows, letters). A diverged network has NaN.
    """
    import jax

    x, labels, _ = training
    net = network(recipe)
    params, _ = nn.sweep(
        net,
        loss(recipe),
        optimizer(recipe, len(x)),
        (x, labels),
        seeds=seeds,
        arms={"learning_rate": [recipe.learning_rate]},
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        drop_last=True,
        shuffle=recipe.shuffle,
        augment=augmentation(recipe, training),
        metric=None,
    )
    words = codes(recipe)
    judged = []
    for s in range(len(seeds)):
        scores = nn.predict(net, jax.tree.map(lambda leaf, s=s: leaf[0, s], params), x_held_out)
        scores = scores if words is None else nn.codes.decode(words, scores)
        judged.append(np.asarray(jax.nn.softmax(scores.astype("float32"))))
    return np.stack(judged)
