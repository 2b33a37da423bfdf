"""An API client of the first release goes on with the token it holds, also when the last answer was lost."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from app import create_app
from app.kernel import clock, ids
from app.kernel.db import db
from tests.conftest import settings_for

OPEN = text(
    "INSERT INTO user_session (user_id, kind, token_hash, previous_token_hash, rotated_at, created_at, last_seen_at,"
    " expires_at, device) VALUES (1, 'api', :present, :previous, :now, :now, :now, :end, '')"
)


@pytest.mark.parametrize("held", ["present", "previous"])
def test_tokens_that_are_out_stay_good(first_release: str, tmp_path: Path, redis_url: str, held: str) -> None:
    now = clock.now()
    values = {"present": ids.digest("present"), "previous": ids.digest("previous")}
    engine = create_engine(first_release)
    with engine.begin() as connection:
        plain = {"now": now.isoformat(sep=" "), "end": (now + timedelta(days=9)).isoformat(sep=" ")}
        if engine.dialect.name == "sqlite":
            plain = {name: value.removesuffix("+00:00") for name, value in plain.items()}
        connection.execute(OPEN, {**values, **plain})
    engine.dispose()
    app = create_app(settings_for(tmp_path, first_release, redis_url))
    with app.app_context():
        upgrade(directory=app.extensions["migrate"].directory)
        db.session.remove()
    client = app.test_client()
    answer = client.post("/api/auth/refresh/", json={"refresh": held})
    assert answer.status_code == 200
    following = client.post("/api/auth/refresh/", json={"refresh": answer.get_json()["refresh"]})
    assert following.status_code == 200
    with app.app_context():
        db.engine.dispose()
    app.extensions["broker"].redis.close()
