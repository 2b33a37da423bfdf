"""The menu: every domain adds its entries in ``wiring``; each actor sees the ones they may open."""

from dataclasses import dataclass

from flask_babel import gettext

from app.kernel.access import Actor, Permission, can


@dataclass(frozen=True, slots=True)
class Entry:
    """``label`` is a Spanish source text; ``home_of`` names the roles whose day starts here."""

    label: str
    href: str
    icon: str
    requires: Permission
    home_of: tuple[str, ...] = ()


_entries: list[Entry] = []


def add(*entries: Entry) -> None:
    _entries.extend(entries)


def menu(actor: Actor | None, path: str) -> list[dict[str, object]]:
    """The entries of an actor, the one that ``path`` stands under marked active."""
    return [
        {
            "label": gettext(e.label),
            "href": e.href,
            "icon": e.icon,
            "active": path == e.href or path.startswith(e.href + "/"),
        }
        for e in _entries
        if can(actor, e.requires)
    ]


def home(actor: Actor) -> str:
    """Where the actor's day starts: the page of their role, else the first page they may open."""
    allowed = [e for e in _entries if can(actor, e.requires)]
    return next((e.href for e in allowed if actor.role in e.home_of), allowed[0].href if allowed else "/account")
