"""What every page shows of the person signed in."""

from app.identity import rules
from app.kernel.access import Actor


def _role_label(actor: Actor) -> str:
    return rules.ROLE_LABELS.get(rules.Role(actor.role), actor.role)


VALUES = {"role_label": _role_label}
