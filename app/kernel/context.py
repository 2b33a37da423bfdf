"""What is known of the request or job under way, for rows and log lines that say where they came from."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """``client_id`` is the open page that sent the request: it recognizes the echo of its own change."""

    request_id: str | None = None
    client_id: str | None = None


_current: ContextVar[Context] = ContextVar("context", default=Context())  # noqa: B039 - frozen


def current() -> Context:
    return _current.get()


def begin(context: Context) -> None:
    """Set the context of this greenlet or thread until the next ``begin``."""
    _current.set(context)
