"""Names of people: the words they are found by, and a line of names read as given names and surnames."""

import re
from dataclasses import dataclass

from app.kernel.i18n import fold

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘`´ʼʹ′＇"))
_HYPHENS = re.compile(r"[-‐‑‒–—]")
_SEPARATORS = re.compile(r"[\W_]+")
_PARTICLES = frozenset(
    {"de", "del", "la", "las", "lo", "los", "san", "santa", "y", "e"}
    | {"da", "das", "do", "dos", "di", "du", "della", "van", "von", "der", "den", "ter", "le", "el"}
)
# "María del Carmen": what follows a given name with a particle and belongs to it.
_DEVOTIONS = frozenset(
    {"angeles", "asuncion", "carmen", "consuelo", "dolores", "fatima", "guadalupe", "jesus", "lourdes", "luz", "mar"}
    | {"mercedes", "milagro", "milagros", "nieves", "pilar", "remedios", "rocio", "rosario", "socorro", "sol"}
    | {"transito"}
)


@dataclass(frozen=True, slots=True)
class Names:
    given_names: str = ""
    paternal_surname: str = ""
    maternal_surname: str = ""


def words(text: str) -> list[str]:
    """Folded words; apostrophes are dropped, every other character that is no letter or digit separates.

    >>> words("Muñoz-O'Higgins, Ægir")
    ['munoz', 'ohiggins', 'aegir']
    """
    return _SEPARATORS.sub(" ", fold(text.translate(_APOSTROPHES))).split()


def other_spellings(text: str) -> list[str]:
    """Further words by which people look for a name: without its hyphens, with its apostrophes as blanks.

    >>> other_spellings("Muñoz-O'Higgins"), other_spellings("Ana Díaz")
    (['munozohiggins', 'higgins'], [])
    """
    joined = [word for part in text.split() if _HYPHENS.search(part) for word in words(_HYPHENS.sub("", part))]
    apart = _SEPARATORS.sub(" ", fold(text)).split()
    usual = words(text)
    return [word for word in dict.fromkeys((*joined, *apart)) if not any(w.startswith(word) for w in usual)]


def split(line: str) -> Names:
    """A typed line of names. A comma means surnames first; particles stay with the name that follows them.

    >>> split("del águila ríos, maría")
    Names(given_names='María', paternal_surname='Del Águila', maternal_surname='Ríos')
    >>> split("María del Carmen Ruiz de Somocurcio")
    Names(given_names='María del Carmen', paternal_surname='Ruiz', maternal_surname='de Somocurcio')
    """
    surnames, comma, given = line.partition(",")
    if comma:
        first, *others = _grouped(surnames) or [""]
        names = Names(" ".join(_grouped(given)), first, " ".join(others))
    else:
        names = _given_first(_grouped(line))
    return Names(
        capitalized(names.given_names), capitalized(names.paternal_surname), capitalized(names.maternal_surname)
    )


def _given_first(groups: list[str]) -> Names:
    if len(groups) > 1 and _is_devotion(groups[1]):
        groups = [f"{groups[0]} {groups[1]}", *groups[2:]]
    if len(groups) < 3:
        return Names(*groups[:2])
    return Names(" ".join(groups[:-2]), groups[-2], groups[-1])


def _is_devotion(group: str) -> bool:
    *particles, noun = fold(group).split()
    return bool(particles) and noun in _DEVOTIONS


def _grouped(line: str) -> list[str]:
    """The words of a line, each with the particles before it."""
    groups: list[str] = []
    pending: list[str] = []
    for word in line.replace(",", " ").split():
        pending.append(word)
        if fold(word) not in _PARTICLES:
            groups.append(" ".join(pending))
            pending = []
    if pending:  # a line that ends in a particle
        groups.append(" ".join(pending))
    return groups


def capitalized(name: str) -> str:
    """A name typed in small or in capital letters alone with the usual capitals; any other stays as typed.

    >>> capitalized("josé o'higgins-díaz"), capitalized("MARÍA DEL PILAR"), capitalized("McArthur")
    ("José O'Higgins-Díaz", 'María del Pilar', 'McArthur')
    """
    if not name.islower() and not name.isupper():
        return name
    first, *others = name.lower().split()
    return " ".join([_capital(first), *(word if fold(word) in _PARTICLES else _capital(word) for word in others)])


def _capital(word: str) -> str:
    return re.sub(r"(^|(?<=[-'’]))\w", lambda letter: letter.group().upper(), word)
