"""A small synthetic text, for use when tiny Shakespeare cannot be reached.

A small grammar generates it: people in a harbour town talk about the weather, the boats and each
other. Like a play it has speakers and lines; it has a few hundred different words, and sentences
whose next word is partly predictable. No result applies to Shakespeare.
"""

import re

import numpy as np

SPEECHES = 500

_GRAMMAR: dict[str, tuple[str, ...]] = {
    "speech": (
        "<line>",
        "<line>\n<line>",
        "<line>\n<line>\n<line>",
        "<greeting>\n<line>\n<line>",
        "<line>\n<line>\n<farewell>",
    ),
    "line": (
        "<statement>.",
        "<statement>.",
        "<statement>, <but> <statement>.",
        "<statement> when <event>.",
        "If <event>, <promise>.",
        "<question>?",
        "<order>!",
        "<answer>, <statement>.",
        "I <know> that <statement>.",
        "They say that <statement>, <but> I <know> that <statement>.",
        "<name>, <order>, for <event>.",
    ),
    "greeting": (
        "Good morning, <name>.",
        "Good evening, <name>; how is <thing of yours>?",
        "Welcome, <name>!",
        "There you are, my friend.",
    ),
    "farewell": (
        "Farewell, <name>.",
        "Good night, and mind <the thing>.",
        "We shall speak again in the <time>.",
        "Go well, <name>, and come back soon.",
    ),
    "statement": (
        "<the one> <does> <the thing>",
        "<the one> <does> <the thing> <somewhere>",
        "<the one> will <do> <the thing> in the <time>",
        "<the one> could not <do> <the thing> <somewhere>",
        "<the thing> is <quality>",
        "<the thing> is as <quality> as <the thing>",
        "<the thing> lies <somewhere>",
        "there is no <good> <noun> <somewhere>",
        "I have seen <the thing> <somewhere>",
        "I was <feeling> when <the one> <did> <the thing>",
        "my <kin> is <feeling> and <feeling>",
        "nobody <does> <the thing> in the <time>",
        "we must <do> <the thing> before the <time>",
    ),
    "event": (
        "the wind turns to the <side>",
        "the <weather> comes over the <water>",
        "the bell rings in the <time>",
        "the tide goes out",
        "<the one> <does> <the thing>",
        "the lamp goes out",
    ),
    "promise": (
        "I will <do> <the thing>",
        "you shall have <the thing>",
        "we will all be <feeling>",
        "nobody will <do> <the thing>",
    ),
    "question": (
        "Who <did> <the thing>",
        "Where is <the thing>",
        "Have you seen <the thing> <somewhere>",
        "Why are you so <feeling>, <name>",
        "Will <the one> <do> <the thing> in the <time>",
        "What does <the one> want with <the thing>",
        "Is <the thing> <quality> or <quality>",
    ),
    "order": (
        "<do> <the thing>",
        "<do> <the thing> before the <time>",
        "do not <do> <the thing>",
        "come <somewhere> and <do> <the thing>",
        "let us <do> <the thing>",
    ),
    "answer": ("Yes", "No", "Indeed", "Not at all", "Perhaps", "I think so", "As you wish"),
    "but": ("but", "and", "yet", "so"),
    "know": ("know", "think", "hope", "fear", "believe", "have heard"),
    "the one": (
        "the <person>",
        "the <person>",
        "the <good> <person>",
        "my <kin>",
        "your <kin>",
        "<name>",
    ),
    "thing of yours": ("your <noun>", "your <kin>", "the <person>"),
    "the thing": (
        "the <noun>",
        "the <noun>",
        "the <good> <noun>",
        "your <noun>",
        "my <noun>",
        "the <noun> of the <person>",
    ),
    "somewhere": (
        "in the <place>",
        "in the <place>",
        "near the <place>",
        "behind the <place>",
        "by the <water>",
        "under the <good> <place>",
    ),
    "name": ("Edda", "Tomas", "Marek", "Ilse", "Brand", "Nora", "Jonas", "Lotte"),
    "person": (
        *("captain", "baker", "fisherman", "teacher", "stranger", "watchman", "miller", "weaver"),
        *("doctor", "judge", "carpenter", "widow", "boy", "girl", "pilot", "merchant"),
    ),
    "kin": ("father", "mother", "sister", "brother", "uncle", "daughter", "son", "neighbour"),
    "noun": (
        *("boat", "net", "lamp", "letter", "bread", "rope", "sail", "horse", "basket", "key"),
        *("coat", "book", "song", "fire", "map", "table", "barrel", "knife", "clock", "ring"),
        *("cart", "ladder", "money", "garden", "dog", "bell", "fish", "door", "window", "wheel"),
    ),
    "good": (
        *("good", "old", "small", "broken", "new", "heavy", "bright", "poor", "quiet", "strange"),
        *("red", "green", "honest", "lost"),
    ),
    "quality": (
        *("broken", "heavy", "bright", "old", "lost", "ready", "too small", "worth much", "cold"),
        *("almost new", "still wet", "empty", "full"),
    ),
    "feeling": (
        *("tired", "glad", "afraid", "hungry", "angry", "content", "sad", "proud", "alone", "well"),
    ),
    "do": (
        *("sell", "find", "mend", "bring", "hide", "carry", "burn", "paint", "forget", "keep"),
        *("buy", "lose", "open", "steal"),
    ),
    "does": (
        *("sells", "finds", "mends", "brings", "hides", "carries", "burns", "paints", "forgets"),
        *("keeps", "buys", "loses", "opens", "steals"),
    ),
    "did": (
        *("sold", "found", "mended", "brought", "hid", "carried", "burnt", "painted", "forgot"),
        *("kept", "bought", "lost", "opened", "stole"),
    ),
    "place": (
        *("harbour", "market", "church", "mill", "tower", "wood", "street", "cellar", "kitchen"),
        *("bridge", "school", "barn", "hill"),
    ),
    "water": ("sea", "river", "lake", "bay"),
    "side": ("north", "south", "east", "west"),
    "weather": ("storm", "rain", "fog", "snow"),
    "time": ("morning", "evening", "night", "spring", "summer", "autumn", "winter"),
}


def own_text(seed: int = 0) -> str:
    """Generate the text: speeches headed by the name of the speaker and separated by empty lines.

    Args:
        seed: of the random generator; the same seed gives the same text.

    Returns:
        About 13000 words.

    Example:
        >>> own_text(seed=0).splitlines()[0] in [f"{name}:" for name in _GRAMMAR["name"]]
        True
    """
    rng = np.random.default_rng(seed)

    def write(symbol: str) -> str:
        choices = _GRAMMAR[symbol]
        chosen = choices[rng.integers(len(choices))]
        return re.sub("<(.+?)>", lambda match: write(match[1]), chosen)

    speeches = (f"{write('name')}:\n{_capitals(write('speech'))}\n" for _ in range(SPEECHES))
    return "\n".join(speeches)


def _capitals(speech: str) -> str:
    """Capitalise the first letter of each line."""
    return "\n".join(line[0].upper() + line[1:] for line in speech.split("\n"))
