"""Documents of migrants and diplomats; the text by which people are found, folded anew.

Revision ID: 20261125_patients_identifiers
Revises: 20261125_billing_drawer
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "20261125_patients_identifiers"
down_revision = "20261125_billing_drawer"

KINDS = "document_type IN ('DNI', 'CE', 'PAS', 'PTP', 'CPP', 'CDI', 'RUC', 'OTRO')"
PATIENT = sa.table(
    "patient",
    *(sa.column(name) for name in ("id", "full_name", "document_number", "phone", "other_phone", "search_text")),
)
LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ħ": "h", "ŋ": "n", "ı": "i"}
)
APOSTROPHES = dict.fromkeys(map(ord, "'’‘`´ʼʹ′＇"))
HYPHENS = re.compile(r"[-‐‑‒–—]")


def upgrade() -> None:
    with op.batch_alter_table("patient") as table:
        table.drop_constraint(op.f("ck_patient_document_type"), type_="check")
        table.create_check_constraint(op.f("ck_patient_document_type"), KINDS)
    connection = op.get_bind()
    rows = connection.execute(sa.select(*(column for column in PATIENT.c if column.name != "search_text"))).all()
    changes = [{"row_id": row.id, "folded": _search_text(row)} for row in rows]
    if changes:
        statement = sa.update(PATIENT).where(PATIENT.c.id == sa.bindparam("row_id"))
        connection.execute(statement.values(search_text=sa.bindparam("folded")), changes)


def _search_text(row: sa.Row) -> str:
    """As ``patients.rules.search.text`` makes it: names, numbers, other spellings."""
    usual = _words(row.full_name.translate(APOSTROPHES))
    numbers = [row.document_number, *(n.removeprefix("+51").removeprefix("+") for n in (row.phone, row.other_phone))]
    joined = [
        word
        for part in row.full_name.split()
        if HYPHENS.search(part)
        for word in _words(HYPHENS.sub("", part.translate(APOSTROPHES)))
    ]
    others = [
        word for word in dict.fromkeys((*joined, *_words(row.full_name))) if not any(w.startswith(word) for w in usual)
    ]
    parts = [*usual, *(_fold(number) for number in numbers if number), *others]
    return f" {' '.join(parts)}"[:499] + " "


def _words(text: str) -> list[str]:
    return re.sub(r"[\W_]+", " ", _fold(text)).split()


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold().translate(LETTERS)


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
