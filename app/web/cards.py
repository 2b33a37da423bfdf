"""The home of the administration: every domain adds its cards in ``wiring``, each actor sees their own."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext

from app.kernel.access import Actor, Permission, can


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are, and a whole sentence about what is missing (already translated)."""

    count: int
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """``label`` and ``about`` are Spanish source texts; ``tally`` is asked when the page is shown."""

    label: str
    about: str
    href: str
    icon: str
    requires: Permission
    tally: Callable[[Actor], Tally]


_cards: list[Card] = []


def add(*cards: Card) -> None:
    _cards.extend(cards)


def of(actor: Actor) -> list[dict[str, object]]:
    """The cards of an actor, in the order of ``wiring``."""
    return [
        {
            "label": gettext(card.label),
            "about": gettext(card.about),
            "href": card.href,
            "icon": card.icon,
            "tally": card.tally(actor),
        }
        for card in _cards
        if can(actor, card.requires)
    ]
