"""Events: frozen dataclasses named in the past tense.

``scheduling.appointment.booked.v1`` names the package, the type of the subject, the verb and the version of the
serialized form. The fields are ids, codes and instants; never names or clinical text.
"""

import dataclasses
import typing
from datetime import date, datetime
from typing import Any, ClassVar

_by_type: dict[str, type["Event"]] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; a subclass without a ``type`` is the common part of several."""

    type: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if cls.type:
            _by_type[cls.type] = cls  # slots=True creates a class twice: the second one is used


def subject_type(type_: str) -> str:
    """The type of the subject of an event type.

    >>> subject_type("scheduling.appointment.booked.v1")
    'appointment'
    """
    return type_.split(".")[1]


def to_data(event: Event) -> dict[str, Any]:
    """The event's fields as JSON values."""
    values = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}


def from_data(type_: str, data: dict[str, Any]) -> Event:
    """The event of a row. Raises KeyError for a type that no package has."""
    kind = _by_type[type_]
    hints = typing.get_type_hints(kind)
    return kind(**{f.name: _parse(hints[f.name], data.get(f.name)) for f in dataclasses.fields(kind)})


def _parse(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    kinds = typing.get_args(hint) or (hint,)
    if datetime in kinds:
        return datetime.fromisoformat(value)
    if date in kinds:
        return date.fromisoformat(value)
    if typing.get_origin(hint) is tuple:
        return tuple(value)
    return value
