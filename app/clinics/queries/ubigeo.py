"""The districts of Peru: public data, equal for all users, so queries take no actor."""

from typing import Any

from sqlalchemy import case, select

from app.clinics.models import Ubigeo
from app.kernel.db import db
from app.kernel.i18n import fold

MAX_TERMS = 6


def search(text: str, *, limit: int = 8) -> list[dict[str, Any]]:
    """Districts whose names, province or region begin with every word: ``{code, name}``."""
    words = fold(text.replace("-", " ").replace(",", " ")).split()[:MAX_TERMS]
    if not words:
        return []
    begins = Ubigeo.search_text.startswith(f" {words[0]}", autoescape=True)
    statement = (
        select(Ubigeo.code, Ubigeo.district, Ubigeo.province, Ubigeo.region)
        .where(*(Ubigeo.search_text.contains(f" {word}", autoescape=True) for word in words))
        .order_by(case((begins, 0), else_=1), Ubigeo.search_text, Ubigeo.code)
        .limit(limit)
    )
    return [{"code": row.code, "name": name(row)} for row in db.session.execute(statement)]


def find(code: str) -> dict[str, Any] | None:
    """``{code, name}`` of a district; None when there is no such code."""
    row = db.session.execute(
        select(Ubigeo.code, Ubigeo.district, Ubigeo.province, Ubigeo.region).where(Ubigeo.code == code)
    ).first()
    return {"code": row.code, "name": name(row)} if row else None


def name(row: Any) -> str:
    """``Miraflores, Lima, Lima``: district, province, region."""
    return f"{row.district}, {row.province}, {row.region}"
