"""Further augmentations of the search, kept so that a trial without gain can be repeated.

Amounts are in standard deviations of a feature unless their name says otherwise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from settings import Augmentations

from nnjax import augment as library
from nnjax.datasets.isolet import LETTERS

Training = tuple[np.ndarray, ...]
"""x, labels and speakers of the training rows."""
Augment = Callable[[Any, Any, Any], tuple[Any, Any]]


def named(amounts: Augmentations, spectra: np.ndarray, training: Training) -> list[Augment]:
    """The augmentations that have an amount, in the order of `MAKERS`."""
    given = amounts.model_dump(exclude_none=True)
    return [make(given[name], spectra, training) for name, make in MAKERS.items() if name in given]


def residuals(training: Training) -> tuple[np.ndarray, np.ndarray]:
    """Features minus the letter's mean, of every row and averaged over every speaker."""
    x, labels, speakers = training
    means = np.stack([x[labels == letter].mean(axis=0) for letter in np.unique(labels)])
    rest = x - means[np.searchsorted(np.unique(labels), labels)]
    voices = [rest[speakers == speaker].mean(axis=0) for speaker in np.unique(speakers)]
    return rest.astype(np.float32), np.stack(voices).astype(np.float32)


def white_noise(amount: float, spectra: np.ndarray, training: Training) -> Augment:
    """Independent noise on every feature."""
    import jax

    return lambda key, x, t: (x + amount * jax.random.normal(key, x.shape, x.dtype), t)


def residual_noise(amount: float, spectra: np.ndarray, training: Training) -> Augment:
    """Adds a share of another row's residual from its letter's mean."""
    rest, _ = residuals(training)
    return _added(rest, amount)


def speaker_shift(amount: float, spectra: np.ndarray, training: Training) -> Augment:
    """A share of the difference between two speakers' mean residuals."""
    _, voices = residuals(training)
    return library.chained([_added(voices, amount), _added(-voices, amount)])


def within_letter(amount: float, spectra: np.ndarray, training: Training) -> Augment:
    """Mixed with another row of the same letter, with a share of up to `amount`."""
    import jax
    import jax.numpy as jnp

    x_all, labels, _ = training
    rows = [np.flatnonzero(labels == letter) for letter in range(LETTERS)]
    table = jnp.asarray(np.stack([np.resize(r if len(r) else [0], 240) for r in rows]))
    everything = jnp.asarray(x_all)

    def augment(key: Any, x: Any, t: Any) -> tuple[Any, Any]:
        pick, share_key = jax.random.split(key)
        other = everything[table[t, jax.random.randint(pick, (len(x),), 0, 240)]]
        share = amount * jax.random.uniform(share_key, (len(x), 1), x.dtype)
        return (1 - share) * x + share * other.astype(x.dtype), t

    return augment


def band_mask(width: float, spectra: np.ndarray, training: Training) -> Augment:
    """Some neighbouring frequencies set to their mean, the same in all spectra of a row."""
    import jax
    import jax.numpy as jnp

    bins = spectra.shape[1]

    def augment(key: Any, x: Any, t: Any) -> tuple[Any, Any]:
        start = jax.random.randint(key, (len(x), 1), -int(width), bins)
        place = jnp.arange(bins)[None] - start
        kept = (place < 0) | (place >= int(width))
        return x.at[:, spectra].multiply(kept[:, None].astype(x.dtype)), t

    return augment


def spectrum_dropout(rate: float, spectra: np.ndarray, training: Training) -> Augment:
    """Dropout of whole spectra."""
    import jax

    def augment(key: Any, x: Any, t: Any) -> tuple[Any, Any]:
        kept = jax.random.bernoulli(key, 1 - rate, (len(x), len(spectra), 1))
        return x.at[:, spectra].multiply(kept.astype(x.dtype) / (1 - rate)), t

    return augment


def mixup(alpha: float, spectra: np.ndarray, training: Training) -> Augment:
    """Mixup of rows of all letters; must be the last, because it turns labels into targets."""
    return library.mixup(alpha, LETTERS)


MAKERS: dict[str, Callable[[float, np.ndarray, Training], Augment]] = {
    "white_noise": white_noise,
    "residual_noise": residual_noise,
    "speaker_shift": speaker_shift,
    "within_letter": within_letter,
    "band_mask": band_mask,
    "spectrum_dropout": spectrum_dropout,
    "mixup": mixup,
}


def _added(offsets: np.ndarray, amount: float) -> Augment:
    import jax
    import jax.numpy as jnp

    table = jnp.asarray(offsets)

    def augment(key: Any, x: Any, t: Any) -> tuple[Any, Any]:
        row = jax.random.randint(key, (len(x),), 0, len(table))
        return x + amount * table[row].astype(x.dtype), t

    return augment
