"""What is forgotten of accounts, and when."""

from datetime import datetime, timedelta

from sqlalchemy import delete, or_

from app.identity.models import LoginAttempt, UserSession
from app.kernel.db import changed, db
from app.kernel.expiry import RetentionRule

ENDED_SESSIONS, ATTEMPTS = timedelta(days=30), timedelta(days=90)


def _delete_ended_sessions(*, now: datetime) -> int:
    oldest = now - ENDED_SESSIONS
    ended = or_(UserSession.revoked_at < oldest, UserSession.expires_at < oldest)
    return changed(db.session.execute(delete(UserSession).where(ended)))


def _delete_old_attempts(*, now: datetime) -> int:
    return changed(db.session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - ATTEMPTS)))


RULES = (
    RetentionRule("ended sessions", _delete_ended_sessions),
    RetentionRule("sign-in attempts", _delete_old_attempts),
)
