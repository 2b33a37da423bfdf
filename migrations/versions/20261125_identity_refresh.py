"""Refresh tokens are rows with generations: a spent one of any age is known again. Temporary passwords end.

Revision ID: 20261125_identity_refresh
Revises: 20261125_patients_identifiers
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125_identity_refresh"
down_revision = "20261125_patients_identifiers"


def upgrade() -> None:
    generation, token = _create_tables()
    op.add_column("user_session", sa.Column("refresh_head", sa.Integer(), nullable=True))
    op.add_column("user_account", sa.Column("password_expires_at", sa.DateTime(timezone=True), nullable=True))
    _take_over(generation, token)
    with op.batch_alter_table("user_session") as table:
        table.drop_constraint("uq_user_session_previous_token_hash", type_="unique")
        table.drop_column("previous_token_hash")
        table.drop_column("rotated_at")


def _create_tables() -> tuple[sa.Table, sa.Table]:
    generation = op.create_table(
        "refresh_generation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["user_session.id"], name=op.f("fk_refresh_generation_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_generation")),
    )
    op.create_index("ix_refresh_generation_session_id", "refresh_generation", ["session_id"])
    token = op.create_table(
        "refresh_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("generation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["refresh_generation.id"],
            name=op.f("fk_refresh_token_generation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_token")),
    )
    op.create_index("ix_refresh_token_generation_id", "refresh_token", ["generation_id"])
    return generation, token


def _take_over(generation: sa.Table, token: sa.Table) -> None:
    """The tokens that are out: the one exchanged last may be used again, as nobody used its successor yet."""
    connection = op.get_bind()
    session = sa.table(
        "user_session",
        sa.column("id", sa.Integer()),
        sa.column("kind", sa.String()),
        sa.column("token_hash", sa.String()),
        sa.column("previous_token_hash", sa.String()),
        sa.column("last_seen_at", sa.DateTime(timezone=True)),
        sa.column("refresh_head", sa.Integer()),
    )
    c = session.c
    rows = connection.execute(
        sa.select(c.id, c.token_hash, c.previous_token_hash, c.last_seen_at).where(c.kind == "api")
    ).all()
    for session_id, present, previous, seen_at in rows:
        parent = head = None
        for hashed in (previous, present):
            if hashed is None:
                continue
            values = {"session_id": session_id, "parent_id": parent, "begun_at": seen_at}
            parent = connection.execute(sa.insert(generation).values(values)).inserted_primary_key[0]
            head = head or parent
            connection.execute(sa.insert(token).values(token_hash=hashed, generation_id=parent))
        connection.execute(sa.update(session).where(c.id == session_id).values(refresh_head=head))


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
