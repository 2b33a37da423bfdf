"""A clinic's settings, rooms and closed days."""

from typing import Any

from flask import Response
from flask_babel import gettext as _

from app.clinics import actions, forms, permissions, queries, rules
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock

pages = PageBlueprint("clinics", __name__)


@pages.get("/admin/clinics", requires=permissions.MANAGE)
def clinics(form: forms.OrganizationForm | None = None) -> Response:
    actor = cycle.actor()
    form = form or forms.OrganizationForm(data={"shares_patients": queries.lists.shares_patients(actor)})
    rows = queries.lists.managed_clinics(actor)
    may_share = len(rows) > 1 and queries.lists.manages_organization(actor)
    form_shown = form.with_submission_id() if may_share else None
    return fragments.page("clinics/clinics.html", rows=rows, organization_form=form_shown)


@pages.post("/admin/organization", requires=permissions.MANAGE, form=forms.OrganizationForm, retry=clinics)
def change_organization(form: forms.OrganizationForm) -> Response:
    actions.clinics.share_patients(bool(form.shares_patients.data), actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url="/admin/clinics", toast=_("Cambios de la organización guardados."))


@pages.get("/admin/clinics/new", requires=permissions.MANAGE)
def new_clinic() -> Response:
    return _settings(forms.ClinicForm.of(rules.ClinicSettings(name="")))


def _retry_settings(*, form: forms.ClinicForm, clinic_id: int | None = None) -> Response:
    return _settings(form, queries.lists.managed_clinic(clinic_id, cycle.actor()) if clinic_id else None)


@pages.post("/admin/clinics", requires=permissions.MANAGE, form=forms.ClinicForm, retry=_retry_settings)
def create_clinic(form: forms.ClinicForm) -> Response:
    clinic_id = actions.clinics.create_clinic(form.settings(), actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/clinics/{clinic_id}", toast=_("Sede creada. Agregue ahora sus salas y servicios.")
    )


@pages.get("/admin/clinics/<int:clinic_id>", requires=permissions.MANAGE)
def clinic(clinic_id: int) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    return _settings(forms.ClinicForm.of(row), row)


@pages.post("/admin/clinics/<int:clinic_id>", requires=permissions.MANAGE, form=forms.ClinicForm, retry=_retry_settings)
def change_clinic(clinic_id: int, form: forms.ClinicForm) -> Response:
    actions.clinics.update_clinic(clinic_id, form.settings(), actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/clinics/{clinic_id}", toast=_("Cambios de la sede guardados.")
    )


def _settings(form: forms.ClinicForm, clinic: Any = None) -> Response:
    return fragments.page(
        "clinics/clinic.html",
        parts=PARTS,
        form=form.with_submission_id(),
        here=clinic,
        **_beside(clinic),
    )


PARTS = {"rooms": "clinics/_rooms.html", "closures": "clinics/_closures.html"}


def _beside(
    clinic: Any,
    room: forms.RoomForm | None = None,
    closure: forms.ClosureForm | None = None,
    renaming: int | None = None,
) -> dict[str, Any]:
    """Rooms and closed days of a clinic with their forms; ``room`` is a new one, or the one ``renaming``."""
    if clinic is None:
        return {}
    today = clock.local_day(cycle.now(), clinic.timezone)
    return {
        "rooms": queries.lists.rooms(clinic.id),
        "closures": queries.lists.closed_days(clinic.id, today),
        "today": today,
        "room_form": (room if room and not renaming else forms.RoomForm(formdata=None)).with_submission_id(),
        "renaming": renaming,
        "renamed": room,
        "closure_form": (closure or forms.ClosureForm(formdata=None)).with_submission_id(),
    }


# ------------------------------------------------------------------ rooms


def _retry_new_room(*, form: forms.RoomForm, clinic_id: int) -> Response:
    return _retry_list(queries.lists.managed_clinic(clinic_id, cycle.actor()), room=form)


def _retry_room(*, form: forms.RoomForm, room_id: int) -> Response:
    return _retry_list(_clinic_of_room(room_id), room=form, renaming=room_id)


def _clinic_of_room(room_id: int) -> Any:
    return queries.lists.managed_clinic(queries.lists.clinic_of_room(room_id), cycle.actor())


@pages.post(
    "/admin/clinics/<int:clinic_id>/rooms", requires=permissions.MANAGE, form=forms.RoomForm, retry=_retry_new_room
)
def add_room(clinic_id: int, form: forms.RoomForm) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    actions.clinics.add_room(clinic_id, form.name.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed(row, "rooms", _("Sala agregada."))


@pages.post("/admin/rooms/<int:room_id>", requires=permissions.MANAGE, form=forms.RoomForm, retry=_retry_room)
def rename_room(room_id: int, form: forms.RoomForm) -> Response:
    row = _clinic_of_room(room_id)
    actions.clinics.rename_room(room_id, form.name.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed(row, "rooms", _("Sala renombrada."))


@pages.post("/admin/rooms/<int:room_id>/closing", requires=permissions.MANAGE)
def close_room(room_id: int) -> Response:
    row = _clinic_of_room(room_id)
    actions.clinics.close_room(room_id, actor=cycle.actor(), now=cycle.now())
    return _changed(row, "rooms", _("Sala cerrada. Lo reservado en ella queda."), f"/admin/rooms/{room_id}/reopening")


@pages.post("/admin/rooms/<int:room_id>/reopening", requires=permissions.MANAGE)
def reopen_room(room_id: int) -> Response:
    row = _clinic_of_room(room_id)
    actions.clinics.reopen_room(room_id, actor=cycle.actor(), now=cycle.now())
    return _changed(row, "rooms", _("Sala abierta de nuevo."))


# ------------------------------------------------------------------ closed days


def _retry_closure(*, form: forms.ClosureForm, clinic_id: int) -> Response:
    return _retry_list(queries.lists.managed_clinic(clinic_id, cycle.actor()), closure=form)


@pages.post(
    "/admin/clinics/<int:clinic_id>/closures", requires=permissions.MANAGE, form=forms.ClosureForm, retry=_retry_closure
)
def add_closure(clinic_id: int, form: forms.ClosureForm) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    assert form.day.data is not None  # noqa: S101 - guaranteed by its validator
    actions.clinics.add_closure(clinic_id, form.day.data, form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed(row, "closures", _("Día cerrado. Las citas ya reservadas ese día quedan."))


@pages.post("/admin/closures/<int:closure_id>/removal", requires=permissions.MANAGE)
def remove_closure(closure_id: int) -> Response:
    clinic_id = actions.clinics.remove_closure(closure_id, actor=cycle.actor(), now=cycle.now())
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    return _changed(row, "closures", _("El día vuelve a estar abierto."))


def _changed(clinic: Any, name: str, toast: str, undo: str | None = None) -> Response:
    html = fragments.render_partial(PARTS[name], here=clinic, **_beside(clinic)) if cycle.is_fragment_request() else ""
    return fragments.fragment_response(html, redirect_url=f"/admin/clinics/{clinic.id}#{name}", toast=toast, undo=undo)


def _retry_list(clinic: Any, **typed: Any) -> Response:
    """The lists again with what was typed: the partial, or without script the whole page."""
    context = {"here": clinic, "form": forms.ClinicForm.of(clinic).with_submission_id(), **_beside(clinic, **typed)}
    return fragments.page("clinics/clinic.html", parts=PARTS, **context)
