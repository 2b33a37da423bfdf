"""Translation marks for code that does not import Flask.

Rules and errors mark their messages with ``N_``; the request cycle translates them. The
source language is Spanish of Peru; English is in a catalogue (``app/translations/en``).
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
