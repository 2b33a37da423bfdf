"""The context of the current request or job, for rows and log lines that record their origin."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """``client_id`` identifies the open page that sent the request, which ignores refreshes of its own changes."""

    request_id: str | None = None
    client_id: str | None = None


_current: ContextVar[Context] = ContextVar("context", default=Context())  # noqa: B039 - frozen


def current() -> Context:
    return _current.get()


def begin(context: Context) -> None:
    """Set the context of this greenlet or thread until the next ``begin``."""
    _current.set(context)
