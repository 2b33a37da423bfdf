"""Who treats: list, data with specialties and services, account, leaving and coming back."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.clinics import actions, forms, permissions, queries
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.identity import permissions as identity_permissions
from app.identity.login import TemporaryPassword, new_temporary_password
from app.identity.pages import users
from app.kernel.access import can_anywhere
from app.kernel.i18n import fold

pages = PageBlueprint("therapists", __name__)
MANAGE = permissions.MANAGE_THERAPISTS


@pages.get("/admin/therapists", requires=MANAGE)
def therapists(form: forms.SpecialtyForm | None = None) -> Response:
    """Who treats and the specialties; ``form`` is that of a new specialty."""
    actor = cycle.actor()
    query, with_retired = fold(request.args.get("q", "")), "retired" in request.args
    rows = queries.lists.managed_therapists(actor, with_retired=with_retired)
    return fragments.page(
        "clinics/therapists.html",
        parts={"therapists": "clinics/_therapists.html"},
        rows=[row for row in rows if query in fold(f"{row['given_names']} {row['surnames']} {row['licence_number']}")],
        specialties=queries.lists.specialties(actor),
        specialty_form=(form or forms.SpecialtyForm(formdata=None)).with_submission_id(),
        q=request.args.get("q", ""),
        with_retired=with_retired,
    )


@pages.get("/admin/therapists/new", requires=MANAGE)
def new_therapist() -> Response:
    return _form(_offered(forms.TherapistForm(formdata=None)))


def _make_form(therapist_id: int | None = None) -> forms.TherapistForm:
    return _offered(forms.TherapistForm())


def _retry(*, form: forms.TherapistForm, therapist_id: int | None = None) -> Response:
    return _form(form, _linked(therapist_id) if therapist_id else None)


@pages.post("/admin/therapists", requires=MANAGE, form=_make_form, retry=_retry)
def create_therapist(form: forms.TherapistForm) -> Response:
    therapist_id = actions.therapists.create_therapist(
        form.typed(), clinic_id=cycle.clinic_id(MANAGE), **form.chosen(), actor=cycle.actor(), now=cycle.now()
    )
    return fragments.fragment_response(
        redirect_url=f"/admin/therapists/{therapist_id}/hours", toast=_("Terapeuta agregado. Ponga ahora su horario.")
    )


@pages.get("/admin/therapists/<int:therapist_id>", requires=MANAGE)
def therapist(therapist_id: int) -> Response:
    row = _linked(therapist_id)
    chosen = {
        "specialty_ids": [str(s["id"]) for s in row["specialties"]],
        "service_ids": [str(s["id"]) for s in row["services"]],
        "default_service_id": str(row["default_service_id"] or ""),
    }
    return _form(_offered(forms.TherapistForm(formdata=None, data=row | chosen)), row)


@pages.post("/admin/therapists/<int:therapist_id>", requires=MANAGE, form=_make_form, retry=_retry)
def change_therapist(therapist_id: int, form: forms.TherapistForm) -> Response:
    actions.therapists.update_therapist(
        therapist_id, form.typed(), **form.chosen(), actor=cycle.actor(), now=cycle.now()
    )
    return fragments.fragment_response(redirect_url=f"/admin/therapists/{therapist_id}", toast=_("Terapeuta guardado."))


def _linked(therapist_id: int) -> dict[str, Any]:
    row = queries.lists.therapist(therapist_id, cycle.actor(), MANAGE)
    return queries.lists.with_links([dict(row._mapping)], cycle.actor())[0]


def _offered(form: forms.TherapistForm) -> forms.TherapistForm:
    actor = cycle.actor()
    form.set_choices(queries.lists.specialties(actor), queries.lists.offered_in(actor.clinics_with(MANAGE)))
    return form


def _form(
    form: forms.TherapistForm,
    row: dict[str, Any] | None = None,
    account: forms.AccountForm | None = None,
) -> Response:
    may_open = can_anywhere(cycle.actor(), identity_permissions.MANAGE_USERS)
    email = row["email"] if row else ""
    return fragments.page(
        "clinics/therapist.html",
        form=form.with_submission_id(),
        therapist=row,
        account=queries.lists.account_of_therapist(row["id"]) if row else None,
        account_form=(account or forms.AccountForm(formdata=None, data={"email": email})).with_submission_id()
        if may_open
        else None,
    )


def _retry_account(*, form: forms.AccountForm, therapist_id: int) -> Response:
    row = _linked(therapist_id)
    return _form(_offered(forms.TherapistForm(formdata=None, data=row)), row, form)


@pages.post(
    "/admin/therapists/<int:therapist_id>/account",
    requires=identity_permissions.MANAGE_USERS,
    form=forms.AccountForm,
    retry=_retry_account,
    prepare=new_temporary_password,
)
def open_account(therapist_id: int, form: forms.AccountForm, temporary: TemporaryPassword) -> Response:
    user_id = actions.therapists.open_account(
        therapist_id,
        form.email.data or "",
        temporary_hash=temporary.hash,
        actor=cycle.actor(),
        now=cycle.now(),
    )
    return users.show_once(user_id, temporary)


@pages.post("/admin/therapists/<int:therapist_id>/retirement", requires=MANAGE)
def retire_therapist(therapist_id: int) -> Response:
    actions.therapists.retire_therapist(therapist_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url="/admin/therapists",
        toast=_("Terapeuta retirado. Sus citas y su historial quedan."),
        undo=f"/admin/therapists/{therapist_id}/restoration",
    )


@pages.post("/admin/therapists/<int:therapist_id>/restoration", requires=MANAGE)
def restore_therapist(therapist_id: int) -> Response:
    actions.therapists.restore_therapist(therapist_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/therapists/{therapist_id}", toast=_("Terapeuta activo de nuevo.")
    )


@pages.post("/admin/specialties", requires=MANAGE, form=forms.SpecialtyForm, retry=therapists)
def add_specialty(form: forms.SpecialtyForm) -> Response:
    actions.therapists.add_specialty(form.name.data or "", actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url="/admin/therapists#specialties", toast=_("Especialidad agregada."))
