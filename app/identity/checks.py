"""What must always be true of this package's rows."""

from collections.abc import Iterator

from sqlalchemy import select

from app.identity import queries
from app.identity.models import User, UserSession
from app.kernel.db import db
from app.kernel.integrity import Check, CheckContext


def _sessions_of_closed_accounts(_context: CheckContext) -> Iterator[str]:
    open_sessions = (User.is_active.is_(False), UserSession.revoked_at.is_(None))
    for row in db.session.execute(
        select(UserSession.id).join(User, User.id == UserSession.user_id).where(*open_sessions)
    ):
        yield f"session {row.id} belongs to a closed account"


def _drifted_roles(_context: CheckContext) -> Iterator[str]:
    for code in queries.roles.builtin_drift():
        yield f"built-in role {code} differs from the code: run flask prepare"


CHECKS = (
    Check("closed accounts have no session", _sessions_of_closed_accounts),
    Check("built-in roles equal the code", _drifted_roles),
)
