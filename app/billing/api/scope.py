"""What both nouns say alike: the clinic a request names."""

from app.http import cycle
from app.kernel.access import Permission
from app.kernel.errors import NotFound


def clinic_of(named: int | None, permission: Permission) -> int:
    """The clinic a request names, or the actor's first. Raises NotFound for a foreign one."""
    scope = cycle.actor().clinics_with(permission)
    if not scope or (named is not None and named not in scope):
        raise NotFound
    return min(scope) if named is None else named
