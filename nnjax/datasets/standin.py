"""A synthetic stand-in for ISOLET: the same schema and numbers of rows, but no speech.

It is used only if the real data can be neither found nor downloaded, so that the study still runs
from end to end. No number computed from it says anything about spoken letters.
"""

import numpy as np
import polars as pl

from nnjax.datasets.isolet import FEATURES, LETTERS, frame

# As in the real files: two train speakers have no second F, one test speaker has one M only.
_WITHOUT_SECOND_F = (85, 109)
_WITHOUT_SECOND_M = 124
_F, _M = 6, 13

_LATENT = 75  # about the effective dimension of the real features within a letter
# Chosen to resemble the real data in error rate, clustering of errors and similarity of a
# speaker's two utterances.
_LETTER, _SPEAKER, _HABIT, _UTTERANCE = 1.25, 0.9, 0.47, 0.6
_SLURRING = 0.3
_SCALE = 0.42


def standin(seed: int = 0) -> pl.DataFrame:
    """Synthetic rows with the schema of ISOLET: 617 features, 26 letters, 150 speakers, same split.

    In a latent space of 75 dimensions, utterance u of letter l by speaker s is

        z = m_l + a_s + c_s (h_sl + e_u),        x = clip(z B, -1, 1) rounded to 4 decimals

    with letter means m, speaker offsets a, a habit h that both utterances of a letter by the same
    speaker share, and noise e; the factor c_s varies between speakers, so errors are clustered.
    All classes share the directions of their noise, so a linear classifier is nearly optimal.

    Args:
        seed: of the random generator; the same seed gives the same table.

    Returns:
        The table of `nnjax.datasets.isolet.load`: split, speaker, letter, f001 ... f617.

    Example:
        >>> standin(seed=0).shape
        (7797, 620)
    """
    rng = np.random.default_rng(seed)
    speakers, letters = _rows()
    # Letters differ mostly along a few directions, speakers along even fewer.
    direction = np.arange(_LATENT)
    letter_means = rng.normal(size=(LETTERS, _LATENT)) * np.exp(-direction / 16)
    offsets = rng.normal(size=(150, _LATENT)) * np.exp(-direction / 8)
    clarity = np.exp(_SLURRING * rng.normal(size=(150, 1)))
    habits = rng.normal(size=(150, LETTERS, _LATENT)) * np.exp(-direction / 60)
    noise = rng.normal(size=(len(letters), _LATENT)) * np.exp(-direction / 60)
    mixing = rng.normal(size=(_LATENT, FEATURES)) / np.sqrt(_LATENT)

    s, m = speakers - 1, letters - 1
    latent = _LETTER * letter_means[m] + _SPEAKER * offsets[s]
    latent += clarity[s] * (_HABIT * habits[s, m] + _UTTERANCE * noise)
    signal = latent @ mixing
    features = np.clip(signal * (_SCALE / signal.std()), -1, 1).round(4)
    return frame(features.astype(np.float32), letters)


def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Speaker and letter of every row, in the order of the real files (train, then test)."""
    alphabet = np.arange(1, LETTERS + 1)

    def pairs(first: int, last: int) -> list[tuple[int, int]]:
        return [(s, m) for s in range(first, last + 1) for m in np.repeat(alphabet, 2).tolist()]

    def once(first: int, last: int) -> list[tuple[int, int]]:
        return [(s, m) for s in range(first, last + 1) for m in alphabet.tolist()]

    second = [r for r in once(61, 120) if r not in [(s, _F) for s in _WITHOUT_SECOND_F]]
    test = pairs(121, 150)
    test.remove((_WITHOUT_SECOND_M, _M))
    rows = np.array(pairs(1, 60) + once(61, 120) + second + test)
    return rows[:, 0], rows[:, 1]
