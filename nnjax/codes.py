"""Error-correcting output codes: a head with one sigmoid per bit instead of one score per class.

Every class has a code word of 0s and 1s. The network learns to predict the bits of that word, and
the answer is the class with the nearest word: if the words are far apart, a few wrong bits do no
harm.

    codes = nn.codes.output_codes(26, 30, jax.random.key(0))
    network = nn.serial(nn.dense(44), nn.relu(), nn.dense(30))       one score per bit
    loss = nn.codes.coded_cross_entropy(codes)
    metric = lambda scores, labels: nn.accuracy(nn.codes.decode(codes, scores), labels)
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nnjax.arrays import as_array
from nnjax.calls import recorded
from nnjax.checks import check_whole
from nnjax.core import Loss
from nnjax.losses.cross_entropy import sigmoid_cross_entropy
from nnjax.losses.reduction import Weighted, split
from nnjax.losses.targets import are_labels, known

__all__ = ["coded_cross_entropy", "decode", "output_codes"]

CLIMBS = 20
"""Number of hill climbs; the best code is taken."""

NEARNESS = 4.0
"""How much more a pair of words counts than a pair that is one bit farther apart: enough for the
nearest pairs to decide, but not so much that the next ones never matter. A power of two, so that
sums are exact and the search is the same on every machine."""


def output_codes(classes: int, bits: int, key: jax.Array) -> jax.Array:
    """Code words of 0s and 1s, one for each class, that are far apart.

        d_ij = number of bits in which the words of i and j differ;    maximise min d_ij

    Decoding to the nearest word corrects any (min d_ij - 1) / 2 wrong bits, rounded down. More bits
    help only if their errors are independent, so every bit asks a different question: no two
    columns are equal or complementary (the same question), and none is constant (no question).
    Complementing a column changes no distance, so all columns begin with 0, and the first word is
    all zeros.

    The search climbs down Σ_(i < j) 4^(-d_ij), in which the nearest pairs count most: starting from
    a random code, it flips the bit that lowers the sum most, until none does. The best of 20 climbs
    is returned: largest min d_ij, then fewest pairs at that distance. It need not be the best code
    of all.

    Args:
        classes: number of words, at least 2.
        bits: length of a word: at least log2(classes) for different words, at most
            2^(classes - 1) - 1 for different columns. Allwein, Schapire & Singer (JMLR 1, 2000)
            use 10 log2(classes), rounded up, for random codes.
        key: source of the random numbers; the same key gives the same code.

    Returns:
        A (classes, bits) array of whole numbers 0 and 1.

    Raises:
        ValueError: if a number is out of range.

    Example:
        >>> import jax, nnjax as nn
        >>> print(nn.codes.output_codes(3, 3, jax.random.key(0)).sum(axis=1))  # words 000, 011, 101
        [0 2 2]
        >>> nn.codes.output_codes(26, 30, jax.random.key(0)).shape
        (26, 30)

    Source: Dietterich & Bakiri, Solving multiclass learning problems via error-correcting output
    codes, Journal of Artificial Intelligence Research 2, 1995 (randomized hill climbing; there
    pairs of rows and of columns take turns).
    """
    check_whole(classes, "output_codes(classes)", least=2)
    check_whole(bits, "output_codes(bits)")
    classes, bits = int(classes), int(bits)
    if classes > 2**bits:
        raise ValueError(
            f"output_codes: {bits} bits make {2**bits} different words, got {classes} classes"
        )
    # The first comparison avoids a power with very many digits for many classes.
    if bits >= classes and bits > 2 ** (classes - 1) - 1:
        raise ValueError(
            f"output_codes: {classes} classes allow {2 ** (classes - 1) - 1} different columns, "
            f"got {bits} bits"
        )
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,), jnp.uint32)))
    found = (_climb(_random_code(rng, classes, bits)) for _ in range(CLIMBS))
    return jnp.asarray(max(found, key=_quality).astype(np.int32))


@recorded
def coded_cross_entropy(codes: ArrayLike) -> Loss:
    """Sigmoid cross-entropy between the scores of the bits and the code word of the label.

        t_bk = codes[y_b, k]
        J = -1/n Σ_bk [ t_bk log s(z_bk) + (1 - t_bk) log s(-z_bk) ],    n = batch * bits
        dz = (s(z) - t) / n

    Derivation. The words are constants, so this is `sigmoid_cross_entropy` with the words as
    targets, and its derivation applies.

    Args:
        codes: (classes, bits), 0s and 1s, for instance from `output_codes`. `jnp.eye(classes)`
            asks one question per class.

    Returns:
        A loss for scores (batch, ..., bits) and labels (batch, ...) of a whole-number dtype, or
        `Weighted` with one weight per label. A label outside 0..classes-1 makes it NaN.

    Raises:
        ValueError: if codes are not a (classes, bits) array of 0s and 1s; (the loss) if the shapes
            do not fit.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> loss = nn.codes.coded_cross_entropy([[0, 0, 0], [0, 1, 1], [1, 0, 1]])
        >>> J, residuals = loss.forward(jnp.zeros((1, 3)), jnp.array([2]))
        >>> print(f"{J:.4f}", loss.backward(residuals) * 3)
        0.6931 [[-0.5  0.5 -0.5]]

    Source: Dietterich & Bakiri, Solving multiclass learning problems via error-correcting output
    codes, 1995.
    """
    array = np.asarray(codes)
    if array.ndim != 2 or not array.size or not np.isin(array, (0, 1)).all():
        raise ValueError(
            "coded_cross_entropy(codes): expected an array (classes, bits) of 0s and 1s, got shape "
            f"{array.shape}"
        )
    words = array.astype(np.uint8)
    classes, bits = words.shape

    def forward(scores: jax.Array, targets: Any) -> tuple[jax.Array, Any]:
        plain, weights = split(targets)
        labels = as_array(plain, "coded_cross_entropy: labels")
        if not are_labels(scores, labels) or scores.shape[-1] != bits:
            raise ValueError(
                f"coded_cross_entropy: codes of shape {words.shape} need scores (batch, ..., "
                f"{bits}) and whole-number labels (batch, ...), got scores of shape "
                f"{scores.shape} and labels of shape {labels.shape} and dtype {labels.dtype}"
            )
        labels, named = known(labels, classes)
        t = jnp.asarray(words, scores.dtype)[jnp.where(named, labels, 0)]
        t = jnp.where(named[..., None], t, jnp.nan)
        return sigmoid_cross_entropy.forward(
            scores,
            t if weights is None else Weighted(t, weights),  # type: ignore[arg-type]
        )

    # For `losses/checks.py`: here the number of classes is not the number of scores.
    vars(forward)["classes"] = classes
    return Loss(forward, sigmoid_cross_entropy.backward)


def decode(codes: ArrayLike, scores: ArrayLike, distance: str = "l1") -> jax.Array:
    """Scores of the classes from scores of the bits: minus the distance to each code word.

        l1:       -Σ_k |p_k - c_k|,         p = s(z)
        hamming:  -Σ_k [q_k ≠ c_k],         q_k = [z_k > 0]

    The nearest word thus has the largest score, and `accuracy` works on the result. l1 uses the
    confidence of each bit; hamming counts wrong bits, and ties go to the first class.

    As c_k is 0 or 1, |p_k - c_k| is p_k or 1 - p_k = s(-z_k): the sum over k is the matrix product
    p (1 - codes)ᵀ + s(-z) codesᵀ, and s(-z) keeps its digits where p has rounded to 1.

    Args:
        codes: (classes, bits), 0s and 1s.
        scores: of the bits, (batch, ..., bits).
        distance: "l1" or "hamming".

    Returns:
        Class scores (batch, ..., classes), between -bits and 0, in the dtype of the scores.

    Raises:
        ValueError: if the shapes do not fit or there is no such distance.

    Example:
        >>> import jax.numpy as jnp, nnjax as nn
        >>> codes = [[0, 0, 0], [0, 1, 1], [1, 0, 1]]
        >>> z = jnp.array([[-9.0, 9.0, -1.0]])  # one bit off the second word
        >>> print(nn.codes.decode(codes, z, "hamming"), nn.codes.decode(codes, z).argmax(axis=-1))
        [[-1. -1. -3.]] [1]

    Source: Dietterich & Bakiri, Solving multiclass learning problems via error-correcting output
    codes, 1995 (l1).
    """
    z = jnp.asarray(scores)
    c = jnp.asarray(codes).astype(z.dtype)
    if c.ndim != 2 or z.ndim < 1 or z.shape[-1] != c.shape[1]:
        raise ValueError(
            f"decode: codes (classes, bits) of shape {c.shape} need scores (batch, ..., bits), "
            f"got shape {z.shape}"
        )
    if distance == "l1":
        one, zero = jax.nn.sigmoid(z), jax.nn.sigmoid(-z)
    elif distance == "hamming":
        one = (z > 0).astype(z.dtype)
        zero = 1 - one
    else:
        raise ValueError(f'decode(distance): expected "l1" or "hamming", got {distance!r}')
    return -(one @ (1 - c).T + zero @ c.T)


# --- the search -----------------------------------------------------------------------------------


def _random_code(rng: np.random.Generator, classes: int, bits: int) -> np.ndarray:
    """A random code that satisfies `_keeps_rules`.

    With many columns, words are distinct by chance; with few columns, columns are. So the harder of
    the two is drawn distinct and the other left to chance.
    """
    while True:
        if bits < classes:
            words = _distinct(rng, classes, bits)
            code = words ^ words[:1]
        else:
            rest = _distinct(rng, bits, classes - 1, taken={bytes(classes - 1)})
            code = np.vstack([np.zeros((1, bits), np.uint8), rest.T])
        if _keeps_rules(code):
            return code


def _distinct(
    rng: np.random.Generator, n: int, length: int, taken: set[bytes] | None = None
) -> np.ndarray:
    """`n` different random rows of bits, none of them in `taken`."""
    rows: dict[bytes, np.ndarray] = {}
    while len(rows) < n:
        for row in rng.integers(2, size=(n, length), dtype=np.uint8):
            if len(rows) < n and row.tobytes() not in (taken or ()):
                rows.setdefault(row.tobytes(), row)
    return np.array(list(rows.values()))


def _keeps_rules(code: np.ndarray) -> bool:
    """Whether words differ, columns differ, and no column (all begin with 0) is all 0."""
    columns = {column.tobytes() for column in code.T}
    words = {word.tobytes() for word in code}
    return (
        len(words) == len(code)
        and len(columns) == code.shape[1]
        and bytes(len(code)) not in columns
    )


def _climb(code: np.ndarray) -> np.ndarray:
    """Flip the bit that lowers the sum over pairs most, until none lowers it."""
    code, signs = code.copy(), 1.0 - 2.0 * code
    nearness = NEARNESS ** -_distances(signs)
    np.fill_diagonal(nearness, 0)
    while True:
        # Flipping a bit moves word i one bit away from the words that agree with it there, and one
        # bit towards the others: their terms are divided or multiplied by NEARNESS.
        agreeing = signs * (nearness @ signs)
        total = nearness.sum(axis=1, keepdims=True)
        change = (total + agreeing) / 2 * (1 / NEARNESS - 1)
        change += (total - agreeing) / 2 * (NEARNESS - 1)
        change[0] = 0.0  # the first word remains zero
        while True:
            i, k = divmod(int(change.argmin()), code.shape[1])
            if change[i, k] >= -1e-9 * nearness.max():
                return code
            code[i, k] ^= 1
            if _keeps_rules(code):
                break
            code[i, k] ^= 1
            change[i, k] = 0.0
        signs[i, k] *= -1
        row = NEARNESS ** -((code.shape[1] - signs @ signs[i]) / 2)
        row[i] = 0.0
        nearness[i], nearness[:, i] = row, row


def _distances(signs: np.ndarray) -> np.ndarray:
    """The number of bits in which each pair of words differs."""
    return (signs.shape[1] - signs @ signs.T) / 2


def _quality(code: np.ndarray) -> tuple[float, int]:
    """The smallest distance between words, and minus the number of pairs at that distance."""
    distances = _distances(1.0 - 2.0 * code)[np.triu_indices(len(code), 1)]
    nearest = distances.min()
    return float(nearest), -int((distances == nearest).sum())
