"""A text as whole numbers: words and signs, rare words replaced, and the text split in three."""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*|[^\sa-z0-9]")
"""A word, with apostrophes inside it, or one sign."""

UNKNOWN = "<unk>"
"""Replaces every word that is not in the vocabulary; its id is 0."""


class Corpus(NamedTuple):
    """A text as ids, the limits of its parts, and the vocabulary.

    `ids` are the tokens in the order of the text, (tokens,). The training text is ids[:validation],
    the validation text ids[validation:test], the test text ids[test:]. `words` names the ids.
    """

    ids: np.ndarray
    validation: int
    test: int
    words: list[str]

    def frequencies(self) -> np.ndarray:
        """How often each word occurs in the training text, (vocabulary,)."""
        return np.bincount(self.ids[: self.validation], minlength=len(self.words))


def tokens(text: str) -> list[str]:
    """The words and signs of a text, in lower case.

    Every line of verse begins with a capital letter, so case marks neither sentences nor names
    reliably. Line breaks are white space.

    Example:
        >>> tokens("First Citizen:\\nIs't a verdict?")
        ['first', 'citizen', ':', "is't", 'a', 'verdict', '?']
    """
    return WORD.findall(text.lower())


def read(text: str, vocabulary: int, validation: float, test: float) -> Corpus:
    """The text as ids, split by position: training, then validation, then test text.

    The vocabulary holds the most frequent words that occur at least twice in the training text; all
    others become one word, `UNKNOWN`. The unknown word then occurs in the training text, and the
    vocabulary depends on nothing that is held out.

    Args:
        text: the text.
        vocabulary: number of words to keep at most, including the unknown word.
        validation: fraction of the tokens for tuning.
        test: fraction of the tokens for testing, at the end.

    Raises:
        ValueError: if a part would have fewer than ten tokens.

    Example:
        >>> corpus = read("a b a b a c " * 20, 3, 0.1, 0.1)
        >>> corpus.words, corpus.ids[:6].tolist(), corpus.validation, corpus.test
        (['<unk>', 'a', 'b'], [1, 2, 1, 2, 1, 0], 96, 108)
    """
    found = tokens(text)
    ends = [round((1 - validation - test) * len(found)), round((1 - test) * len(found))]
    parts = np.diff([0, *ends, len(found)])
    if parts.min() < 10:
        raise ValueError(
            f"a text of {len(found)} tokens is too short to be split into parts of "
            f"{parts.tolist()}: each needs ten; use a longer text or other fractions"
        )
    counts = Counter(found[: ends[0]])
    # Equally frequent words come in alphabetical order, so that the text alone decides.
    kept = sorted((word for word in counts if counts[word] > 1), key=lambda w: (-counts[w], w))
    words = [UNKNOWN, *kept[: vocabulary - 1]]
    number = {word: i for i, word in enumerate(words)}
    ids = np.array([number.get(word, 0) for word in found], np.int32)
    return Corpus(ids, ends[0], ends[1], words)


def windows(ids: np.ndarray, ends: np.ndarray, width: int) -> np.ndarray:
    """The `width` tokens before each of the places `ends`, (places, width).

    Example:
        >>> windows(np.arange(10), np.array([4, 9]), 3).tolist()
        [[1, 2, 3], [6, 7, 8]]
    """
    return ids[ends[:, None] - width + np.arange(width)[None]]


def joined(words: list[str]) -> str:
    """Tokens as a line of text, without spaces before punctuation.

    Example:
        >>> joined(["speak", ",", "sir", "!"])
        'speak, sir!'
    """
    return re.sub(r" ([,.;:!?])", r"\1", " ".join(words))
