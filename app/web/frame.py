"""What every whole page shows around its content: menu, clinics, the person, the unread count.

Upper domains ``provide`` a value by name; only whole pages ask for it, partials never pay for it.
"""

from collections.abc import Callable
from typing import Any

from flask import g, request, session
from flask_babel import gettext

from app.kernel.access import Actor
from app.web import navigation

_providers: dict[str, Callable[[Actor], Any]] = {}
ROLE_WORDS: dict[str, str] = {}


def provide(name: str, value: Callable[[Actor], Any]) -> None:
    _providers[name] = value


def provided(name: str, actor: Actor) -> Any:
    """What an upper domain provides under ``name``; an empty list when none does."""
    value = _providers.get(name)
    return value(actor) if value else []


def values() -> dict[str, Any]:
    """The context of ``base.html`` for the request's actor."""
    actor: Actor | None = g.get("actor")
    if actor is None:
        return {"actor": None, "nav": [], "theme": request.cookies.get("theme")}
    provided = {name: value(actor) for name, value in _providers.items()}
    clinics = [{**c, "href": f"{request.path}?clinic_id={c['id']}"} for c in provided.pop("clinics", [])]
    chosen = session.get("clinic_id")
    active = next((c for c in clinics if c["id"] == chosen), clinics[0] if clinics else None)
    for clinic in clinics:
        clinic["active"] = clinic is active
    return {
        "actor": {"name": actor.name, "role_label": gettext(ROLE_WORDS.get(actor.role, actor.role))},
        "nav": navigation.menu(actor, request.path),
        "clinic": active,
        "clinics": clinics,
        "theme": actor.theme or request.cookies.get("theme"),
        "rendered_at": f"{g.now.timestamp():.3f}",
        "path": request.full_path.rstrip("?"),
        **provided,
    }
