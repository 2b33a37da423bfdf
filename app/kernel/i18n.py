"""Words for people that are written where Flask is not known.

Rules and errors mark their sentence with ``N_``; the shell that shows it translates it. The
source language is Spanish of Peru; English is a catalogue (``app/translations/en``).
"""

import unicodedata


def N_(text: str) -> str:
    """Mark a sentence for translation without translating it."""
    return text


def fold(text: str) -> str:
    """Lower case without accents, one space between words: how names are compared.

    >>> fold("  Núñez   QUISPE ")
    'nunez quispe'
    """
    plain = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).casefold().split())
