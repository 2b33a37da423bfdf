"""The clinic of a request, shared by tickets and tills."""

from app.http import cycle
from app.kernel.access import Permission
from app.kernel.errors import NotFound


def clinic_of(requested: int | None, permission: Permission) -> int:
    """The clinic a request refers to, or the actor's first. Raises NotFound for a foreign one."""
    scope = cycle.actor().clinics_with(permission)
    if not scope or (requested is not None and requested not in scope):
        raise NotFound
    return min(scope) if requested is None else requested
