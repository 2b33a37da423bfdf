"""Layout context of full pages: menu, clinics, the user, the unread count.

A package adds a value in its ``layout.py`` (``VALUES``); they are computed for full pages only, not for partials.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask import current_app, g, request, session
from flask_babel import gettext

from app.http import finding, screens
from app.kernel.access import Actor


def values() -> dict[str, Any]:
    """The context of ``base.html`` for the request's actor."""
    actor: Actor | None = g.get("actor")
    if actor is None:
        return {"actor": None, "nav": [], "may_search": False, "theme": request.cookies.get("theme")}
    providers: Mapping[str, Callable[[Actor], Any]] = current_app.extensions["layout_values"]
    provided = {name: value(actor) for name, value in providers.items()}
    clinics = [{**c, "href": f"{request.path}?clinic_id={c['id']}"} for c in provided.pop("clinics", [])]
    chosen = session.get("clinic_id")
    active = next((c for c in clinics if c["id"] == chosen), clinics[0] if clinics else None)
    for clinic in clinics:
        clinic["active"] = clinic is active
    return {
        "actor": {"name": actor.name, "role_label": gettext(actor.role_label) if actor.role_label else ""},
        "nav": screens.menu(actor, request.path),
        "may_search": bool(finding.finders_of(actor)),
        "clinic": active,
        "clinics": clinics,
        "theme": actor.theme or request.cookies.get("theme"),
        "rendered_at": f"{g.now.timestamp():.3f}",
        "path": request.full_path.rstrip("?"),
        **provided,
    }
