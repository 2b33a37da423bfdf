"""The demo's sessions; scheduling's demo says which visits took place."""

from collections.abc import Sequence
from typing import Any

from app.encounters.models import Encounter
from app.kernel.demo import put


def write_encounters(rows: Sequence[dict[str, Any]]) -> None:
    """Write sessions; a row has the columns of ``Encounter`` without its id."""
    put(Encounter, rows)
