"""Base classes of domain errors. Packages derive their own errors from these.

The request cycle maps an error to an HTTP status and renders it as a page or as JSON.
The message is a Spanish source text, translated and filled with ``params`` by the cycle.
"""

from typing import Any, ClassVar

from app.kernel.i18n import N_


class DomainError(Exception):
    """An operation that is refused, with a message for the user and a code for API clients."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "ERROR"
    message: ClassVar[str] = N_("No se pudo completar la operación.")
    field: ClassVar[str] = ""  # the input field at fault, if there is one

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


class PasswordChangeRequired(Forbidden):
    """The password is a temporary one: it gives no right but that to change it."""

    code = "PASSWORD_CHANGE_REQUIRED"
    message = N_("Su contraseña es temporal. Cámbiela en «Mi cuenta» para empezar.")


class NotFound(DomainError):
    """Also raised for what exists but is outside the actor's scope."""

    status = 404
    code = "NOT_FOUND"
    message = N_("No encontrado")


class Conflict(DomainError):
    """The present state forbids the operation; ``details`` may name the next step."""

    status = 409
    code = "CONFLICT"
    message = N_("Otra persona cambió esto hace un momento. Revise y vuelva a intentar.")


class RuleBroken(DomainError):
    """Well-formed input that violates a business rule."""

    status = 400
    code = "BUSINESS_RULE_VIOLATION"
    message = N_("No cumple una regla de la clínica.")


class Invalid(DomainError):
    """Input that failed validation; ``details`` holds the messages per field."""

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


class StorageFailed(Unavailable):
    """The database cannot do its work and trying again does not help: an operator is needed. The cause is logged."""

    code = "STORAGE_FAILED"
    message = N_("La base de datos no responde como debe. No se guardó nada; avise a quien administra el sistema.")


class StorageFull(StorageFailed):
    message = N_("El servidor se quedó sin espacio en disco. No se guardó nada; avise a quien administra el sistema.")


class StorageReadOnly(StorageFailed):
    message = N_("La base de datos no admite cambios. No se guardó nada; avise a quien administra el sistema.")


class SchemaMismatch(StorageFailed):
    message = N_(
        "La base de datos no corresponde a esta versión del sistema. No se guardó nada;"
        " avise a quien administra el sistema."
    )
