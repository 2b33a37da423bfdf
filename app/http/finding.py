"""One search for everything: visits of today, patients, tickets. The field stands in the strip of every page.

A package adds what it can find by listing a ``Finder`` in its ``slots.py`` (``FINDERS``). The answer asks those whose
permission the actor holds; each finds no more than the actor may see.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask import Flask, current_app

from app.kernel.access import Actor, Permission, can_anywhere


@dataclass(frozen=True, slots=True)
class HitLink:
    """Where a hit leads. ``target`` is the element that shows it: ``dialog-body``, ``panel`` or empty for a page.

    ``label`` and ``href`` are as people and browsers read them.
    """

    label: str
    href: str
    icon: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the answer. ``link`` is what Enter does, ``more`` are further steps.

    ``shown_at`` is the id of the element that gets the focus instead where a page shows it already.
    """

    id: str
    link: HitLink
    text: str = ""
    more: tuple[HitLink, ...] = ()
    shown_at: str = ""


@dataclass(frozen=True, slots=True)
class Finder:
    """What a package finds. ``title`` is a Spanish source text, ``order`` sorts the groups of the answer.

    ``find`` takes what was typed, never empty, and returns a handful of hits, the likeliest first.
    """

    order: int
    title: str
    requires: Permission
    find: Callable[[str], list[Hit]]


def register(app: Flask, finders: Iterable[Finder]) -> None:
    """Make the finders of every package known to an application."""
    app.extensions["finders"] = sorted(finders, key=lambda finder: finder.order)


def finders_of(actor: Actor | None) -> list[Finder]:
    """The finders that the actor may ask, in their order."""
    finders: list[Finder] = current_app.extensions["finders"]
    return [finder for finder in finders if can_anywhere(actor, finder.requires)]
