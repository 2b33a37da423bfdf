"""Actions: refresh tokens (D41, ``docs/adr/0006``).

The tokens of a session form generations. The head is the generation used last; its tokens may be used again, those
of its children for the first time. Using a child's makes the child the head and spends everything else.
"""

from datetime import datetime

from sqlalchemy import select

from app.identity import rules
from app.identity.models import RefreshGeneration, RefreshToken, UserSession
from app.kernel import ids
from app.kernel.db import db


def begin(session: UserSession, *, now: datetime) -> None:
    """The first generation of a new session, whose secret is its first refresh token."""
    first = _generation(session.id, None, now)
    session.refresh_head = first.id
    db.session.add(RefreshToken(token_hash=session.token_hash, generation_id=first.id))
    db.session.flush()


def exchange(token: str, *, now: datetime) -> tuple[UserSession | None, str | None]:
    """The open session of a token and its next token; without one when the token is spent. (None, None): unknown."""
    presented = db.session.execute(
        select(RefreshGeneration.id, RefreshGeneration.parent_id, RefreshGeneration.session_id)
        .join(RefreshToken, RefreshToken.generation_id == RefreshGeneration.id)
        .where(RefreshToken.token_hash == ids.digest(token))
    ).first()
    if presented is None:
        return None, None
    # One exchange of a session after the other: the head is read under the lock.
    session = db.session.scalar(
        select(UserSession)
        .where(UserSession.id == presented.session_id, UserSession.revoked_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if session is None:
        return None, None
    if rules.is_spent(presented.id, presented.parent_id, session.refresh_head):
        return session, None
    session.refresh_head = presented.id
    next_token = ids.secret()
    child = _newest_child(presented.id, now) or _generation(session.id, presented.id, now)
    db.session.add(RefreshToken(token_hash=ids.digest(next_token), generation_id=child.id))
    db.session.flush()
    return session, next_token


def _newest_child(parent_id: int, now: datetime) -> RefreshGeneration | None:
    """The generation that one more successor belongs to; the window counts from its first token."""
    return db.session.scalar(
        select(RefreshGeneration)
        .where(RefreshGeneration.parent_id == parent_id, RefreshGeneration.begun_at >= now - rules.GENERATION_TIME)
        .order_by(RefreshGeneration.id.desc())
        .limit(1)
    )


def _generation(session_id: int, parent_id: int | None, now: datetime) -> RefreshGeneration:
    row = RefreshGeneration(session_id=session_id, parent_id=parent_id, begun_at=now)
    db.session.add(row)
    db.session.flush()  # for the primary key
    return row
