"""Screens that several packages contribute to: the menu, the administration's home, the patient's page.

A package adds itself by listing a ``ScreenSlot`` in its ``slots.py``; the screen lists the slots of its name that the
actor may open. The screen's own package does not depend on the contributing packages.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from flask_babel import gettext

from app.kernel.access import Actor, Permission, can_anywhere

MENU = "menu"  # links at the side of every page
ADMIN = "admin"  # cards of the administration's home, each with a badge
PATIENT = "patient"  # fragments loaded into a patient's page
PATIENT_LINKS = "patient-links"  # next steps at the head of a patient's page
PATIENT_HOME = "patient-home"  # fragments loaded into a patient's own home
TICKET = "ticket"  # fragments loaded into a ticket's page
VISIT_MENU = "visit-menu"  # further links in the menu of a visit's card at the front desk


@dataclass(frozen=True, slots=True)
class Badge:
    """The number of entries, and a translated sentence about what is missing."""

    count: int
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ScreenSlot:
    """One place on a screen. ``label`` and ``description`` are Spanish source texts.

    ``{id}`` in ``href`` is the id of what the screen is about. ``order`` sorts the slots of a screen. ``home_of``
    names the roles whose day starts at this menu entry. ``badge`` is computed when the screen is shown. ``target`` is
    the element in which the search opens a next step: ``dialog-body``, ``panel``, or empty for a page.
    """

    screen: str
    order: int
    label: str
    href: str
    requires: Permission
    icon: str = ""
    description: str = ""
    home_of: tuple[str, ...] = ()
    badge: Callable[[Actor], Badge] | None = None
    target: str = ""

    def href_for(self, subject_id: int) -> str:
        """The address for one patient, ticket or visit."""
        return self.href.format(id=subject_id)

    @property
    def fragment_id(self) -> str:
        """The element id of the fragment that ``href`` serves: ``patient-appointments``."""
        return f"{self.screen}-{self.href.rpartition('/')[2]}"


def register(app: Flask, slots: Iterable[ScreenSlot]) -> None:
    """Make the slots of every package known to an application."""
    by_screen: dict[str, list[ScreenSlot]] = {}
    for slot in sorted(slots, key=lambda slot: slot.order):
        by_screen.setdefault(slot.screen, []).append(slot)
    app.extensions["slots"] = by_screen


def slots_of(screen: str, actor: Actor | None) -> list[ScreenSlot]:
    """The slots of a screen that the actor may open, in their order."""
    slots: Mapping[str, list[ScreenSlot]] = current_app.extensions["slots"]
    return [slot for slot in slots.get(screen, ()) if can_anywhere(actor, slot.requires)]


def places(screen: str, actor: Actor | None, subject_id: int) -> list[dict[str, str]]:
    """The slots of a screen about one subject: ``{id, label, href, icon}``."""
    return [
        {
            "id": slot.fragment_id,
            "label": gettext(slot.label),
            "href": slot.href_for(subject_id),
            "icon": slot.icon,
        }
        for slot in slots_of(screen, actor)
    ]


def menu(actor: Actor | None, path: str) -> list[dict[str, object]]:
    """The menu of an actor, the entry that ``path`` stands under most closely marked active."""
    slots = slots_of(MENU, actor)
    above = [slot.href for slot in slots if path == slot.href or path.startswith(slot.href + "/")]
    active = max(above, key=len, default="")
    return [
        {"label": gettext(slot.label), "href": slot.href, "icon": slot.icon, "active": slot.href == active}
        for slot in slots
    ]


def home(actor: Actor) -> str:
    """Where the actor's day starts: the page of their role, else the first page they may open."""
    allowed = slots_of(MENU, actor)
    default = allowed[0].href if allowed else "/account"
    return next((slot.href for slot in allowed if actor.role in slot.home_of), default)


def admin_cards(actor: Actor) -> list[dict[str, Any]]:
    """The cards of the administration's home with their badges."""
    return [
        {
            "label": gettext(slot.label),
            "description": gettext(slot.description),
            "href": slot.href,
            "icon": slot.icon,
            "badge": slot.badge(actor) if slot.badge else None,
        }
        for slot in slots_of(ADMIN, actor)
    ]
