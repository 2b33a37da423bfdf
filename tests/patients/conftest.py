"""More people than the cast: names that are hard, another organization, many at once."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert

from app.kernel.db import db
from app.patients.models import Patient
from app.patients.rules import Details
from app.tenancy.models import Organization
from tests.cast import LONG_AGO

Add = Callable[..., list[int]]


@pytest.fixture
def add_people(app: Flask) -> Add:
    """Write people straight into the table; returns their ids."""

    def add(*people: Details, organization_id: int = 1, **columns: Any) -> list[int]:
        with app.app_context():
            if db.session.get(Organization, organization_id) is None:
                db.session.execute(insert(Organization).values(id=organization_id, name="Otra organización"))
            ids = [_insert(person, organization_id, columns) for person in people]
            db.session.commit()
        return ids

    return add


def _insert(person: Details, organization_id: int, columns: dict[str, Any]) -> int:
    values = {name: getattr(person, name) for name in Details.__slots__}
    statement = insert(Patient).values(
        **values,
        organization_id=organization_id,
        full_name=person.full_name,
        search_text=person.search_text,
        version=1,
        created_at=LONG_AGO,
        **columns,
    )
    return int(db.session.scalars(statement.returning(Patient.id)).one())
