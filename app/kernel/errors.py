"""The kinds of refusal. Domains derive theirs from these, beside their cause.

A shell turns a kind into a status: pages and JSON differ only in the dress.
The sentence is a Spanish source text, translated and filled with ``params`` by the cycle.
"""

from typing import Any, ClassVar

from app.kernel.i18n import N_


class DomainError(Exception):
    """Something that cannot be done, with a sentence for the person and a code for programs."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "ERROR"
    message: ClassVar[str] = N_("No se pudo completar la operación.")
    field: ClassVar[str] = ""  # the input it is about, if it is about one

    def __init__(self, message: str | None = None, *, details: dict[str, Any] | None = None, **params: Any) -> None:
        self.text = message or self.message
        self.params = params
        self.details = details or {}
        super().__init__(self.text)


class Unauthenticated(DomainError):
    status = 401
    code = "NOT_AUTHENTICATED"
    message = N_("Inicie sesión para continuar.")


class Forbidden(DomainError):
    status = 403
    code = "INSUFFICIENT_PERMISSIONS"
    message = N_("Permisos insuficientes")


class NotFound(DomainError):
    """Also what an actor gets for what exists but is not theirs to see."""

    status = 404
    code = "NOT_FOUND"
    message = N_("No encontrado")


class Conflict(DomainError):
    """The state of things changed or forbids it; the next step stands in ``details``."""

    status = 409
    code = "CONFLICT"
    message = N_("Otra persona cambió esto hace un momento. Revise y vuelva a intentar.")


class RuleBroken(DomainError):
    """Well-formed, but against a rule of the trade."""

    status = 400
    code = "BUSINESS_RULE_VIOLATION"
    message = N_("No cumple una regla de la clínica.")


class Invalid(DomainError):
    """Input that does not say what it must; ``details`` has the messages per field."""

    status = 400
    code = "VALIDATION_ERROR"
    message = N_("Datos inválidos")

    def __init__(self, fields: dict[str, str] | None = None, **params: Any) -> None:
        super().__init__(details={name: [text] for name, text in (fields or {}).items()}, **params)


class RateLimited(DomainError):
    """``details['retry_after']`` is in seconds."""

    status = 429
    code = "RATE_LIMITED"
    message = N_("Demasiados intentos. Espere un momento y vuelva a intentar.")


class Unavailable(DomainError):
    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = N_("El sistema está ocupado. No se guardó nada; vuelva a intentar en unos segundos.")
