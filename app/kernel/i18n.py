"""Translation marks for code that does not import Flask.

Rules and errors mark their messages with ``N_``; the request cycle translates them. The
source language is Spanish of Peru; English is in a catalogue (``app/translations/en``).
"""

import unicodedata


def N_(text: str) -> str:
    """Mark a sentence for translation without translating it."""
    return text


def fold(text: str) -> str:
    """Lower case without accents, special letters as they are typed without them, one space between words.

    So names are compared, when they are stored and when they are asked for.

    >>> fold("  Núñez   QUISPE "), fold("Ægir Øster")
    ('nunez quispe', 'aegir oster')
    """
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).casefold().translate(_LETTERS).split())


# what NFKD and casefold leave; ß has become "ss"
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ħ": "h", "ŋ": "n", "ı": "i"}
)
