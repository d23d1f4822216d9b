"""A text with tagged words: read it, and cut it into windows of words around each word."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from workflow.lib.job import JobError

OUTSIDE = "O"
TAGS = [OUTSIDE, "PER", "ORG", "LOC", "GPE", "DATE"]
"""The tags in the order of the network's outputs."""

PAD, UNKNOWN = 0, 1
"""Ids of a place beyond either end of a sentence, and of a rare word."""


class TextError(JobError):
    """A text that cannot be read; the message names the line."""


@dataclass(frozen=True)
class Words:
    """All words of a text, one after the other.

    sentence, place: number of the sentence and place in it, from 0, (words,); word: in small
    letters, (words,); tag: an index into `TAGS`, (words,).
    """

    sentence: np.ndarray
    place: np.ndarray
    word: np.ndarray
    tag: np.ndarray


def read(path: Path) -> Words:
    """Read a text: one sentence a line, `word/TAG` or plain `word` (outside), `#` for comments.

    Capitals become small letters, so that a name looks like any other word.

    Args:
        path: the file.

    Returns:
        Its words.

    Raises:
        TextError: for an unknown tag, a word without letters, or a text without sentences.
    """
    rows: list[tuple[int, int, str, int]] = []
    sentences = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        for place, item in enumerate(line.split()):
            word, slash, tag = item.partition("/")
            if not word or (slash and tag not in TAGS):
                raise TextError(
                    f"{path}, line {number}: {item!r} is neither a word nor word/TAG; tags: "
                    f"{', '.join(TAGS)}"
                )
            rows.append((sentences, place, word.lower(), TAGS.index(tag or OUTSIDE)))
        sentences += 1
    if not rows:
        raise TextError(f"{path}: has no sentence; write one a line")
    sentence, place, word, tag = zip(*rows, strict=True)
    return Words(np.array(sentence), np.array(place), np.array(word), np.array(tag, np.int32))


def ambiguous(words: Words, least: int) -> dict[str, str]:
    """Names that are used for people and for something else.

    Args:
        words: the text.
        least: how often each of the two tags must occur.

    Returns:
        Word to its more frequent other tag, in alphabetical order.
    """
    counts = (
        pl.DataFrame({"word": words.word, "tag": words.tag})
        .filter(pl.col("tag") != TAGS.index(OUTSIDE))
        .group_by("word", "tag")
        .len()
        .filter(pl.col("len") >= least)
        .sort("word", "len", "tag", descending=[False, True, False])
    )
    person = TAGS.index("PER")
    people = set(counts.filter(tag=person)["word"])
    others = counts.filter(pl.col("tag") != person)
    others = others.unique("word", keep="first", maintain_order=True)
    return {
        word: TAGS[tag] for word, tag in others.select("word", "tag").iter_rows() if word in people
    }


def windows(words: Words, known: set[str], width: int) -> np.ndarray:
    """Ids of each word and of `width` words on both sides of it.

    Args:
        words: the text.
        known: words that keep their id; all others are `UNKNOWN`.
        width: words on each side.

    Returns:
        Ids (words, 2 width + 1), int32. They number the words of the whole text, so an id means the
        same word whichever words are known.
    """
    vocabulary, ids = np.unique(words.word, return_inverse=True)
    ids = np.where(np.isin(vocabulary, sorted(known))[ids], ids + 2, UNKNOWN).astype(np.int32)
    columns = []
    for shift in range(-width, width + 1):
        shifted, same = np.roll(ids, -shift), np.roll(words.sentence, -shift) == words.sentence
        # A roll also brings the text's end before its beginning.
        places = np.arange(len(ids)) + shift
        columns.append(np.where(same & (places >= 0) & (places < len(ids)), shifted, PAD))
    return np.stack(columns, axis=1)


def vocabulary_size(words: Words) -> int:
    """How many ids there are: the words of the text, `PAD` and `UNKNOWN`."""
    return len(np.unique(words.word)) + 2


def frequent(words: Words, rows: np.ndarray, least: int) -> set[str]:
    """Words that occur at least so often among some rows."""
    found, counts = np.unique(words.word[rows], return_counts=True)
    return set(found[counts >= least].tolist())
