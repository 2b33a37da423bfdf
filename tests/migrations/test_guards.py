"""``migrations/guards.json`` names the guards that the migrations make: ``flask verify`` misses what was dropped."""

import json

from flask import Flask

from app.kernel import integrity
from app.kernel.db import db, unit_of_work


def test_the_list_is_what_the_migrations_make(app: Flask) -> None:
    with app.app_context(), unit_of_work(write=False):
        listed = json.loads(integrity.GUARDS.read_text())[db.engine.dialect.name]
        present = sorted(integrity.guards())

    assert listed == present, f"write into {integrity.GUARDS.name}, in order: {sorted(set(present) ^ set(listed))}"
