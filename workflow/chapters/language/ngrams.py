"""Counts of short word sequences as language models: what a neural one has to beat.

A context of four words and the word after it are one row of five ids. The models take such rows,
(rows, order), and give the probability of the last word of each row after the others.
"""

from typing import NamedTuple

import numpy as np
from text import windows


class Counts(NamedTuple):
    """How often each sequence occurs; sequences are numbers in base `vocabulary`, sorted."""

    codes: np.ndarray
    counts: np.ndarray

    def of(self, codes: np.ndarray) -> np.ndarray:
        """The counts of some sequences; 0 for those that do not occur."""
        place = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        return np.where(self.codes[place] == codes, self.counts[place], 0)


def encode(rows: np.ndarray, vocabulary: int) -> np.ndarray:
    """Each row of ids as one number in base `vocabulary`, (rows,); an empty row is 0.

    Raises:
        ValueError: if the numbers do not fit into 64 bits.

    Example:
        >>> encode(np.array([[1, 2, 3]]), 10).tolist()
        [123]
    """
    order = rows.shape[1]
    if vocabulary**order >= 2**63:
        raise ValueError(
            f"sequences of {order} out of {vocabulary} words do not fit into 64 bits; "
            "make the vocabulary smaller"
        )
    return rows.astype(np.int64) @ (vocabulary ** np.arange(order, dtype=np.int64)[::-1])


def grams(ids: np.ndarray, order: int) -> np.ndarray:
    """All sequences of `order` tokens of a text, (tokens - order + 1, order)."""
    return windows(ids, np.arange(order, len(ids) + 1), order)


def kneser_ney(ids: np.ndarray, rows: np.ndarray, vocabulary: int) -> np.ndarray:
    """Interpolated Kneser-Ney: every count passes a discount on to the shorter context.

        p(w | h) = (max(c(hw) - D, 0) + D N(h) q(w | h′)) / c(h),   or q(w | h′) where c(h) = 0

    with h′ the context without its first word, N(h) the number of different words after h, and q
    the same formula for the shorter context, down to 1 / vocabulary. For all but the longest
    sequences, c counts not how often a sequence occurs but after how many different words. The
    discount of each length is D = n1 / (n1 + 2 n2), where n1 and n2 are the numbers of sequences
    that occur once and twice; half a sequence is added to both, so that D lies between 0 and 1 in
    any text.

    Args:
        ids: the training text, (tokens,).
        rows: contexts and words, (rows, order).
        vocabulary: number of ids.

    Returns:
        Probabilities, (rows,). Over all words of a context they sum to one.

    Source: Kneser & Ney, Improved backing-off for m-gram language modeling, ICASSP 1995; the
    interpolated form and its comparison with others: Chen & Goodman, An empirical study of
    smoothing techniques for language modeling, 1998.
    """
    top = rows.shape[1]
    p = np.full(len(rows), 1 / vocabulary)
    for order in range(1, top + 1):
        longer = encode(grams(ids, min(order + 1, top)), vocabulary)
        if order < top:
            longer = np.unique(longer) % vocabulary**order
        found = Counts(*np.unique(longer, return_counts=True))
        once, twice = ((found.counts == times).sum() for times in (1, 2))
        discount = (once + 0.5) / (once + 2 * twice + 1.5)
        contexts, place, kinds = np.unique(
            found.codes // vocabulary, return_inverse=True, return_counts=True
        )
        total = Counts(contexts, np.bincount(place, weights=found.counts))
        codes = encode(rows[:, top - order :], vocabulary)
        of_context = total.of(codes // vocabulary)
        passed_on = discount * Counts(contexts, kinds).of(codes // vocabulary) * p
        kept = np.maximum(found.of(codes) - discount, 0)
        p = np.where(of_context > 0, (kept + passed_on) / np.maximum(of_context, 1), p)
    return p


def relative_frequencies(
    ids: np.ndarray, rows: np.ndarray, vocabulary: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often the last word follows 0, 1, ... of the words before it, in the training text.

    A context that does not occur gets the frequencies of the next shorter one.

    Args:
        ids: the training text, (tokens,).
        rows: contexts and words, (rows, order).
        vocabulary: number of ids.

    Returns:
        Probabilities (rows, order + 1), the first 1 / vocabulary, the second the word's own
        frequency; and the length of the longest context that occurs, (rows,).
    """
    top = rows.shape[1]
    parts = [np.full(len(rows), 1 / vocabulary)]
    longest = np.zeros(len(rows), int)
    for order in range(1, top + 1):
        found = Counts(*np.unique(encode(grams(ids, order), vocabulary), return_counts=True))
        contexts = Counts(
            *np.unique(encode(grams(ids, order)[:, :-1], vocabulary), return_counts=True)
        )
        codes = encode(rows[:, top - order :], vocabulary)
        of_context = contexts.of(codes // vocabulary)
        parts.append(
            np.where(of_context > 0, found.of(codes) / np.maximum(of_context, 1), parts[-1])
        )
        longest = np.where(of_context > 0, order - 1, longest)
    return np.stack(parts, axis=1), longest


def mixture_weights(parts: np.ndarray, steps: int = 200) -> np.ndarray:
    """The weights of a mixture of models that fit some words best, by EM.

        w_k ← (1 + Σ_words w_k p_k / Σ_j w_j p_j) / (words + models)

    Every model gets one imaginary word: no weight is 0, and with few words the weights stay nearly
    equal. (These are the most probable weights under Dirichlet's prior with all parameters 2.)

    Args:
        parts: the probability of each word under each model, (words, models).
        steps: of the iteration, which starts from equal weights.

    Returns:
        The weights, (models,), which sum to one; equal weights if there are no words.

    Example:
        >>> mixture_weights(np.array([[1.0, 0.0]] * 3)).tolist()  # 3 + 1 words to 0 + 1
        [0.8, 0.2]

    Source: Jelinek & Mercer, Interpolated estimation of Markov source parameters from sparse data,
    1980.
    """
    weights = np.full(parts.shape[1], 1 / parts.shape[1])
    for _ in range(steps if len(parts) else 0):
        shares = weights * parts
        found = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0)
        weights = (found + 1) / (found + 1).sum()
    return weights


def jelinek_mercer(
    ids: np.ndarray, tuning: np.ndarray, rows: np.ndarray, vocabulary: int
) -> np.ndarray:
    """A mixture of the relative frequencies of all lengths, its weights fitted on other text.

        p(w | h) = Σ_k weight_k f_k(w | last k - 1 words of h)

    Each length of the longest context that occurs has its own set of weights: a context that never
    occurs contributes nothing.

    Args:
        ids: the training text, (tokens,).
        tuning: contexts and words of the text on which the weights are fitted, (words, order).
        rows: contexts and words, (rows, order).
        vocabulary: number of ids.

    Returns:
        Probabilities, (rows,). Over all words of a context they sum to one.

    Source: Jelinek & Mercer 1980, see `mixture_weights`.
    """
    parts, longest = relative_frequencies(ids, tuning, vocabulary)
    shown, of_rows = relative_frequencies(ids, rows, vocabulary)
    p = np.zeros(len(rows))
    for length in range(rows.shape[1]):
        # Parts beyond the longest context repeat the previous one and would share its weight.
        mixed = slice(0, length + 2)
        weights = mixture_weights(parts[longest == length, mixed])
        p = np.where(of_rows == length, shown[:, mixed] @ weights, p)
    return p
