"""The users of the clinics: list, new account, name and roles, temporary password, closing."""

from typing import Any

from flask import Response, make_response, redirect, request
from flask_babel import gettext as _
from sqlalchemy import Row

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.identity import forms, permissions, queries
from app.identity.actions import staff
from app.identity.login import TemporaryPassword, new_temporary_password
from app.identity.queries.roles import RoleView
from app.kernel.access import Actor, profiles
from app.kernel.i18n import fold
from app.tenancy import queries as tenancy

pages = PageBlueprint("users", __name__)


@pages.get("/admin/users", requires=permissions.MANAGE_USERS)
def users() -> Response:
    actor = cycle.actor()
    query = fold(request.args.get("q", ""))
    with_closed = "closed" in request.args
    names = _clinic_names(actor)
    people = [
        {**person, "places": _places(person["memberships"], names)}
        for person in queries.staff(actor=actor)
        if (with_closed or person["is_active"]) and query in fold(f"{person['full_name']} {person['email']}")
    ]
    return fragments.page(
        "identity/users.html",
        parts={"users": "identity/_users.html"},
        people=people,
        q=request.args.get("q", ""),
        with_closed=with_closed,
    )


def _places(memberships: list[Row[Any]], names: dict[int, str]) -> list[str]:
    """``Centro Miraflores: Recepción, Supervisión`` for each clinic of a person."""
    return [
        f"{name}: {', '.join(_(held.label) for held in memberships if held.clinic_id == clinic_id)}"
        for clinic_id, name in names.items()
        if any(held.clinic_id == clinic_id for held in memberships)
    ]


def _clinic_names(actor: Actor) -> dict[int, str]:
    """The clinics whose users the actor manages."""
    scope = actor.clinics_with(permissions.MANAGE_USERS)
    return {c["id"]: c["name"] for c in tenancy.clinic_names(actor) if c["id"] in scope}


@pages.get("/admin/users/new", requires=permissions.MANAGE_USERS)
def new_user() -> Response:
    return _form(forms.UserForm())


def _make_form(user_id: int | None = None) -> forms.UserForm:
    """The submitted form with the roles that may be given to this person."""
    _person(user_id)
    form = forms.UserForm()
    form.set_choices(_clinic_names(cycle.actor()), _offered_roles(user_id))
    return form


def _offered_roles(user_id: int | None) -> list[RoleView]:
    """The roles of the organization; one that needs a profile only to who has it (the therapist's)."""
    kinds = {profile.kind for profile in profiles()}
    missing = kinds - (queries.roles.profiles_of(user_id).keys() if user_id else set())
    offered = queries.roles.roles_of_organization(cycle.actor().organization_id)
    return [role for role in offered if role.code not in missing]


def _person(user_id: int | None) -> dict[str, Any] | None:
    return queries.staff_member(user_id, actor=cycle.actor()) if user_id else None


def _retry(*, form: forms.UserForm, user_id: int | None = None) -> Response:
    return _form(form, _person(user_id))


@pages.post(
    "/admin/users", requires=permissions.MANAGE_USERS, form=_make_form, retry=_retry, prepare=new_temporary_password
)
def create_user(form: forms.UserForm, temporary: TemporaryPassword) -> Response:
    user_id = staff.create_staff(
        email=form.email.data or "",
        full_name=form.full_name.data or "",
        roles=form.chosen_roles(),
        temporary_hash=temporary.hash,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return show_once(user_id, temporary)


@pages.get("/admin/users/<int:user_id>", requires=permissions.MANAGE_USERS)
def user(user_id: int) -> Response:
    return _show(user_id)


def _show(user_id: int, *, password: str | None = None) -> Response:
    person = queries.staff_member(user_id, actor=cycle.actor())
    roles = [f"{clinic_id}:{role}" for clinic_id, role in person["roles"]]
    form = forms.UserForm(formdata=None, full_name=person["full_name"], email=person["email"], roles=roles)
    return _form(form, person, password=password)


@pages.post("/admin/users/<int:user_id>", requires=permissions.MANAGE_USERS, form=_make_form, retry=_retry)
def change_user(user_id: int, form: forms.UserForm) -> Response:
    actor, now = cycle.actor(), cycle.now()
    person = queries.staff_member(user_id, actor=actor)
    staff.update_person(user_id, full_name=form.full_name.data or "", email=form.email.data or "", actor=actor, now=now)
    if set(form.chosen_roles()) != set(person["roles"]):
        staff.change_roles(user_id, form.chosen_roles(), actor=actor, now=now)
    return fragments.fragment_response(
        redirect_url="/admin/users", toast=_("Cambios de %(name)s guardados.", name=form.full_name.data)
    )


def _form(form: forms.UserForm, person: dict[str, Any] | None = None, *, password: str | None = None) -> Response:
    actor = cycle.actor()
    form.set_choices(_clinic_names(actor), _offered_roles(person["id"] if person else None))
    return fragments.page(
        "identity/users_form.html",
        form=form.with_submission_id(),
        person=person,
        password=password,
        is_self=bool(person and person["id"] == actor.user_id),
    )


def show_once(user_id: int, temporary: TemporaryPassword) -> Response:
    """The page of a user with their temporary password: in this response alone, and stored nowhere."""
    path = f"/admin/users/{user_id}"
    cycle.repeat_with(make_response(redirect(path, 303)))
    return _show(user_id, password=temporary.text)


@pages.post(
    "/admin/users/<int:user_id>/temporary-password",
    requires=permissions.MANAGE_USERS,
    prepare=new_temporary_password,
)
def reset_password(user_id: int, temporary: TemporaryPassword) -> Response:
    staff.reset_password(user_id, temporary_hash=temporary.hash, actor=cycle.actor(), now=cycle.now())
    return show_once(user_id, temporary)


@pages.post("/admin/users/<int:user_id>/closing", requires=permissions.MANAGE_USERS)
def close_account(user_id: int) -> Response:
    staff.set_active(user_id, False, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url="/admin/users?closed=1", toast=_("Cuenta cerrada. Sus sesiones terminaron.")
    )


@pages.post("/admin/users/<int:user_id>/reopening", requires=permissions.MANAGE_USERS)
def reopen_account(user_id: int) -> Response:
    staff.set_active(user_id, True, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url=f"/admin/users/{user_id}", toast=_("Cuenta abierta de nuevo."))
