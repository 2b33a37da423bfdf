"""Alembic in the application's context: online only, one transaction, SQLite and PostgreSQL."""

import time

from alembic import context
from flask import current_app

from app.kernel.db import Base, db

TYPES_OF_OURS = ("UtcDateTime",)
LOCK_WITHIN = 30  # seconds in which SQLite's write lock has to be free, perhaps of a server that is stopping


def render_item(type_: str, item: object, _autogen: object) -> str | bool:
    """Write our types as what they are in the database: migrations import nothing of app."""
    if type_ == "type" and type(item).__name__ in TYPES_OF_OURS:
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    engine = db.engine
    with engine.connect().execution_options(write_before=time.monotonic() + LOCK_WITHIN) as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_item=render_item,
            **{k: v for k, v in current_app.extensions["migrate"].configure_args.items() if k != "compare_type"},
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
