"""Pages on the request cycle.

    pages = PageBlueprint("scheduling", __name__)

    @pages.get("/agenda", requires=permissions.READ)
    def agenda() -> Response: ...

    @pages.get("/patients/new", requires=permissions.REGISTER)
    def new(form: forms.PatientForm | None = None) -> Response: ...

    @pages.post("/patients", requires=permissions.REGISTER, form=forms.PatientForm, retry=new)
    def create(form: forms.PatientForm) -> Response: ...

``requires`` may be a tuple: any one of the permissions is enough.

``form`` is a form class, or a function of the route's arguments that makes one (for choices that come from the
database). It is validated before the view runs. ``retry(form=…, **arguments)`` shows it again, with what was typed,
when it does not validate and when an action raises an error of the domain: 422 for input and rules, 409 for a
conflict. The form carries the messages already (``Form.show``); what belongs to no field is its ``refusal``.
``prepare(form=…, **arguments)`` runs before the transaction and returns further arguments of the view, which
``retry`` does not get.
A route without a form (a page whose address is its input) is shown again by ``retry(error=…, **arguments)``.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, make_response, request
from flask_login import current_user

from app.http import cycle, error_responses
from app.http.cycle import RouteSpec
from app.kernel import db, idempotency
from app.kernel.access import Actor, Permission
from app.kernel.errors import Conflict, DomainError, Invalid, RateLimited, RuleBroken

STORED_HEADERS = (
    "Location",
    "Content-Type",
    "HX-Trigger",
    "HX-Redirect",
    "HX-Location",
    "HX-Retarget",
    "HX-Reswap",
)
EXCLUDED_FIELDS = frozenset({"csrf_token", "submission_id"})


class PageBlueprint(Blueprint):
    """A blueprint of pages; every rule declares its permission."""

    def route(  # type: ignore[override]
        self,
        rule: str,
        *,
        requires: Permission | tuple[Permission, ...] | None = None,
        public: str = "",
        signed_in: bool = False,
        form: Callable[..., Any] | None = None,
        retry: Callable[..., Response] | None = None,
        prepare: Callable[..., dict[str, Any]] | None = None,
        **options: Any,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        needed = requires if isinstance(requires, tuple) else (requires,) if requires else ()
        cycle.require_declaration(f"{self.name} {rule}", needed, public, signed_in)
        spec = RouteSpec(needed, public, signed_in, options={"form": form, "retry": retry, "prepare": prepare})

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            endpoint = options.pop("endpoint", view.__name__)
            self.add_url_rule(rule, endpoint, cycle.handler(view, spec, ADAPTER), **options)
            return view

        return decorate


class PageAdapter:
    """The session's cookie, forms, the ``submission_id`` of a form, and error messages for users."""

    channel = "user"

    def read_body(self) -> None:
        request.form  # noqa: B018 - reading it is what counts

    def find_actor(self, spec: RouteSpec) -> Actor | None:
        if not current_user.is_authenticated:
            return None
        actor: Actor = current_user.actor
        return replace(actor, channel="desk" if actor.grants else "online")

    def parse(self, spec: RouteSpec, arguments: dict[str, Any]) -> None:
        make_form = spec.option("form")
        if make_form is None or request.method in cycle.SAFE_METHODS:
            return
        form = make_form() if isinstance(make_form, type) else make_form(**arguments)
        arguments["form"] = form
        if not form.validate():
            raise InvalidForm

    def submission(self) -> tuple[str, str] | None:
        token = request.form.get("submission_id", "")[:64]
        if not token:
            return None
        fields = sorted((k, v) for k, v in request.form.items(multi=True) if k not in EXCLUDED_FIELDS)
        return token, idempotency.fingerprint(request.path.encode(), repr(fields).encode())

    def respond(self, result: Any, spec: RouteSpec) -> Response:
        return make_response(result)

    def stored_headers(self, response: Response) -> dict[str, str]:
        return {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}

    def refuse(self, error: DomainError, spec: RouteSpec, arguments: dict[str, Any]) -> Response:
        retry, form = spec.option("retry"), arguments.get("form")
        is_without_form = form is None and spec.option("form") is not None  # making the form was refused
        if retry is None or is_without_form or not isinstance(error, Conflict | Invalid | RuleBroken | RateLimited):
            raise error  # a page of its own, or a toast: app.http.error_responses
        if form is None:
            arguments = {**arguments, "error": error}
        else:
            form.show(error)
        with db.unit_of_work(write=False):
            response = make_response(retry(**arguments))
        response.status_code = error_responses.page_status(error)
        error_responses.add_retry_after(response, error.details)
        return response


class InvalidForm(Invalid):
    """The form's validators failed; their messages are at its fields."""


ADAPTER = PageAdapter()
