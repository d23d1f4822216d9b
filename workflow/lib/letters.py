"""Fonts for letters that the figures' own font lacks, such as Chinese ones in a user's table."""

from collections.abc import Iterable

from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font

OWN = "DejaVu Sans"
"""The font of the figures, which comes with matplotlib."""

_BOXES = "Last Resort"
"""A font of matplotlib that draws a box for every letter."""


def fallbacks(texts: Iterable[str]) -> tuple[list[str], str]:
    """The installed fonts that have the letters that the figures' own lacks.

    Args:
        texts: what is to be drawn.

    Returns:
        The names of the fonts, and the letters that no font has, sorted.

    Example:
        >>> fallbacks(["größe", "β²"])
        ([], '')
    """
    letters = {letter for text in texts for letter in text if letter.isprintable()}
    names = sorted({font.name for font in fontManager.ttflist if not font.name.startswith(_BOXES)})
    found: list[str] = []
    for name in (OWN, *names):
        if not letters:
            break
        has = letters & _letters(name)
        letters -= has
        if has and name != OWN:
            found.append(name)
    return found, "".join(sorted(letters))


def _letters(name: str) -> set[str]:
    """What a font has in each of its upright weights."""
    upright = [font for font in fontManager.ttflist if font.style == "normal"]
    files = {font.fname for font in upright if font.name == name}
    try:
        faces = [FT2Font(file) for file in files]
    except (OSError, RuntimeError):  # removed since it was listed, or of another format
        return set()
    each = [{*map(chr, face.get_charmap())} for face in faces]
    return set.intersection(*each) if each else set()
