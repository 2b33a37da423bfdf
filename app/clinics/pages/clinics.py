"""A clinic's settings, rooms and closed days."""

from typing import Any

from flask import Response
from flask_babel import gettext as _

from app.clinics import actions, forms, permissions, queries, rules
from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.kernel import clock
from app.kernel.errors import Invalid

pages = PageBlueprint("clinics", __name__)


@pages.get("/admin/clinics", requires=permissions.MANAGE)
def clinics() -> Response:
    return fragments.page("clinics/clinics.html", rows=queries.lists.managed_clinics(cycle.actor()))


@pages.get("/admin/clinics/new", requires=permissions.MANAGE)
def new_clinic() -> Response:
    return _settings(forms.ClinicForm.of(rules.ClinicSettings(name="")))


@pages.post("/admin/clinics", requires=permissions.MANAGE)
def create_clinic() -> Response:
    form = forms.ClinicForm()
    if not form.validate():
        return _settings(form, status=422)
    try:
        clinic_id = actions.clinics.create_clinic(form.settings(), actor=cycle.actor(), now=cycle.now())
    except Invalid as error:
        form.add_errors(error)
        return _settings(form, status=422)
    return fragments.answer(
        go=f"/admin/clinics/{clinic_id}", toast=_("Sede creada. Agregue ahora sus salas y servicios.")
    )


@pages.get("/admin/clinics/<int:clinic_id>", requires=permissions.MANAGE)
def clinic(clinic_id: int) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    return _settings(forms.ClinicForm.of(row), row)


@pages.post("/admin/clinics/<int:clinic_id>", requires=permissions.MANAGE)
def change_clinic(clinic_id: int) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    form = forms.ClinicForm()
    if not form.validate():
        return _settings(form, row, 422)
    try:
        actions.clinics.update_clinic(clinic_id, form.settings(), actor=cycle.actor(), now=cycle.now())
    except Invalid as error:
        form.add_errors(error)
        return _settings(form, row, 422)
    return fragments.answer(go=f"/admin/clinics/{clinic_id}", toast=_("Cambios de la sede guardados."))


def _settings(form: forms.ClinicForm, clinic: Any = None, status: int = 200) -> Response:
    return fragments.page(
        "clinics/clinic.html",
        parts=PARTS,
        status=status,
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


@pages.post("/admin/clinics/<int:clinic_id>/rooms", requires=permissions.MANAGE)
def add_room(clinic_id: int) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    form = forms.RoomForm()
    if form.validate():
        try:
            actions.clinics.add_room(clinic_id, form.name.data or "", actor=cycle.actor(), now=cycle.now())
        except Invalid as error:
            form.add_errors(error)
    if form.errors:
        return _bad(row, "rooms", room=form)
    return _changed(row, "rooms", _("Sala agregada."))


@pages.post("/admin/rooms/<int:room_id>", requires=permissions.MANAGE)
def rename_room(room_id: int) -> Response:
    clinic_id = queries.lists.clinic_of_room(room_id)
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    form = forms.RoomForm()
    if form.validate():
        try:
            actions.clinics.rename_room(room_id, form.name.data or "", actor=cycle.actor(), now=cycle.now())
        except Invalid as error:
            form.add_errors(error)
    if form.errors:
        return _bad(row, "rooms", room=form, renaming=room_id)
    return _changed(row, "rooms", _("Sala renombrada."))


@pages.post("/admin/rooms/<int:room_id>/closing", requires=permissions.MANAGE)
def close_room(room_id: int) -> Response:
    row = queries.lists.managed_clinic(queries.lists.clinic_of_room(room_id), cycle.actor())
    actions.clinics.close_room(room_id, actor=cycle.actor(), now=cycle.now())
    return _changed(row, "rooms", _("Sala cerrada. Lo reservado en ella queda."), f"/admin/rooms/{room_id}/reopening")


@pages.post("/admin/rooms/<int:room_id>/reopening", requires=permissions.MANAGE)
def reopen_room(room_id: int) -> Response:
    row = queries.lists.managed_clinic(queries.lists.clinic_of_room(room_id), cycle.actor())
    actions.clinics.reopen_room(room_id, actor=cycle.actor(), now=cycle.now())
    return _changed(row, "rooms", _("Sala abierta de nuevo."))


# ------------------------------------------------------------------ closed days


@pages.post("/admin/clinics/<int:clinic_id>/closures", requires=permissions.MANAGE)
def add_closure(clinic_id: int) -> Response:
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    form = forms.ClosureForm()
    if not form.validate() or form.day.data is None:
        return _bad(row, "closures", closure=form)
    actions.clinics.add_closure(clinic_id, form.day.data, form.reason.data or "", actor=cycle.actor(), now=cycle.now())
    return _changed(row, "closures", _("Día cerrado. Las citas ya reservadas ese día quedan."))


@pages.post("/admin/closures/<int:closure_id>/removal", requires=permissions.MANAGE)
def remove_closure(closure_id: int) -> Response:
    clinic_id = actions.clinics.remove_closure(closure_id, actor=cycle.actor(), now=cycle.now())
    row = queries.lists.managed_clinic(clinic_id, cycle.actor())
    return _changed(row, "closures", _("El día vuelve a estar abierto."))


def _changed(clinic: Any, name: str, toast: str, undo: str | None = None) -> Response:
    html = fragments.part(PARTS[name], here=clinic, **_beside(clinic)) if cycle.is_fragment_request() else ""
    return fragments.answer(html, go=f"/admin/clinics/{clinic.id}#{name}", toast=toast, undo=undo)


def _bad(clinic: Any, name: str, **typed: Any) -> Response:
    """The list again with what was typed: its partial, or without script the whole page."""
    context = {"here": clinic, "form": forms.ClinicForm.of(clinic).with_submission_id(), **_beside(clinic, **typed)}
    return fragments.page("clinics/clinic.html", parts=PARTS, status=422, **context)
