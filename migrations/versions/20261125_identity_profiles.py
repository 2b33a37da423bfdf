"""A patient and a therapist name their account; the account no longer names them.

Revision ID: 20261125_identity_profiles
Revises: 20261125_identity_roles
"""

from alembic import op

revision = "20261125_identity_profiles"
down_revision = "20261125_identity_roles"

KINDS = ("patient", "therapist")


def upgrade() -> None:
    for kind in KINDS:
        # both engines add a reference without building the table anew
        op.execute(
            f"ALTER TABLE {kind} ADD COLUMN user_id INTEGER CONSTRAINT fk_{kind}_user_id REFERENCES user_account (id)"
        )
        op.execute(f"UPDATE {kind} SET user_id = (SELECT id FROM user_account WHERE {kind}_id = {kind}.id)")
        op.create_index(f"uq_{kind}_user_id", kind, ["user_id"], unique=True)
    with op.batch_alter_table("user_account") as table:
        for kind in KINDS:
            table.drop_constraint(f"fk_user_account_{kind}_id", type_="foreignkey")
            table.drop_constraint(f"uq_user_account_{kind}_id", type_="unique")
            table.drop_column(f"{kind}_id")
