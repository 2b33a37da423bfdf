"""The districts of Peru, from app/clinics/data/ubigeo.csv (source and licence stand in its head).

Revision ID: 20261120_ubigeo
Revises: 20261120_guards
"""

import csv
import unicodedata
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "20261120_ubigeo"
down_revision = "20261120_guards"

FILE = Path(__file__).resolve().parents[2] / "app/clinics/data/ubigeo.csv"
COLUMNS = ("code", "district", "province", "region", "search_text")
TABLE = sa.table("ubigeo", *(sa.column(name) for name in COLUMNS))


def upgrade() -> None:
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    op.bulk_insert(TABLE, [{**row, "search_text": _search_text(row)} for row in rows])


def downgrade() -> None:
    op.execute(TABLE.delete())


def _search_text(row: dict[str, str]) -> str:
    """Every word after a space, lower case, without accents; as app.kernel.words.fold did on this day."""
    plain = unicodedata.normalize("NFKD", f"{row['district']} {row['province']} {row['region']}".replace("-", " "))
    return " " + "".join(c for c in plain if not unicodedata.combining(c)).casefold()
