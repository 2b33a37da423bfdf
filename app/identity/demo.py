"""The demo's eight accounts and their roles."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.identity.actions import roles
from app.identity.models import Membership, Role, User
from app.identity.queries import actors
from app.kernel import passwords
from app.kernel.access import Actor
from app.kernel.db import db
from app.kernel.demo import DemoContext, numbered, put
from app.tenancy.demo import AREQUIPA, MIRAFLORES, ORGANIZATION

ACCOUNTS = (  # name, full name, ((clinic, role), ...)
    ("ana", "Ana Torres", ((MIRAFLORES, "receptionist"),)),
    ("bruno", "Bruno Salas", ((MIRAFLORES, "therapist"),)),
    ("hugo", "Hugo Paredes", ((MIRAFLORES, "therapist"),)),
    ("clara", "Clara Núñez", ()),
    ("gloria", "Gloria Mamani", ()),
    ("diego", "Diego Rivas", ((MIRAFLORES, "supervisor"),)),
    ("eva", "Eva Castillo", ((MIRAFLORES, "admin"), (AREQUIPA, "admin"))),
    ("fabio", "Fabio Luna", ((AREQUIPA, "receptionist"),)),
)
USER = {name: number for number, (name, *_) in enumerate(ACCOUNTS, start=1)}
RECEPTIONIST = {MIRAFLORES: USER["ana"], AREQUIPA: USER["fabio"]}
SUPERVISOR = {MIRAFLORES: USER["diego"], AREQUIPA: USER["eva"]}
SINCE = timedelta(days=100)  # the age of accounts and patients' records


def write_accounts(context: DemoContext) -> None:
    """The accounts, all with the demo's password, and what each may do in which clinic."""
    hashed = passwords.HASHER.hash(context.password)  # in the transaction: an operator's command keeps nobody waiting
    put(User, numbered([_account(name, full_name, hashed, context.now) for name, full_name, _ in ACCOUNTS]))
    roles.sync_builtin_roles()
    ids = dict(db.session.execute(select(Role.code, Role.id)).tuples().all())
    held = [(USER[name], clinic, ids[role]) for name, _, memberships in ACCOUNTS for clinic, role in memberships]
    put(Membership, numbered([{"user_id": u, "clinic_id": c, "role_id": r} for u, c, r in held]))


def actor(user_id: int, now: datetime) -> Actor:
    """A user at the desk, with what their roles allow: who opened this till, who gave that money back."""
    return actors.actor_of_user(user_id, channel="desk", now=now)


def _account(name: str, full_name: str, hashed: str, now: datetime) -> dict[str, Any]:
    return {
        "organization_id": ORGANIZATION,
        "email": f"{name}@example.com",
        "full_name": full_name,
        "password_hash": hashed,
        "is_active": True,
        "created_at": now - SINCE,
    }


DEMO = write_accounts
