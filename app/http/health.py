"""Liveness for load balancers and people: up or down, nothing else (D30)."""

from typing import Any

from sqlalchemy import text

from app.http.json import ApiBlueprint
from app.kernel.db import db

api = ApiBlueprint("health", __name__)


@api.get("/healthz", public="up or down says nothing about anybody")
@api.get("/api/health", public="up or down says nothing about anybody", endpoint="api_health")
def health() -> dict[str, Any]:
    """200 while the database answers; the shell turns its absence into 503."""
    db.session.execute(text("SELECT 1"))
    return {"status": "ok"}


BLUEPRINTS = (api,)
