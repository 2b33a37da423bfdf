"""What a clinic offers: list, form, retiring."""

from typing import Any

from flask import Response
from flask_babel import gettext as _

from app.clinics import actions, forms, permissions, queries
from app.http import cycle, fragments
from app.http.html import PageBlueprint

pages = PageBlueprint("services", __name__)


@pages.get("/admin/services", requires=permissions.MANAGE_SERVICES)
def services() -> Response:
    actor = cycle.actor()
    clinic_id = cycle.clinic_id(permissions.MANAGE_SERVICES)
    return fragments.page(
        "clinics/services.html",
        parts={"services": "clinics/_services.html"},
        here=queries.lists.clinic(clinic_id, actor),
        rows=queries.lists.services_of_clinic(clinic_id, actor),
    )


@pages.get("/admin/services/new", requires=permissions.MANAGE_SERVICES)
def new_service() -> Response:
    form = forms.ServiceForm(formdata=None, data={"colour": "1", "is_online": True, "duration_minutes": 45})
    return _form(form, cycle.clinic_id(permissions.MANAGE_SERVICES))


def _make_form(service_id: int | None = None) -> forms.ServiceForm:
    form = forms.ServiceForm()
    form.set_choices(queries.lists.specialties(cycle.actor()))
    return form


def _retry(*, form: forms.ServiceForm, service_id: int | None = None) -> Response:
    row = queries.lists.managed_service(service_id, cycle.actor()) if service_id else None
    return _form(form, row.clinic_id if row else cycle.clinic_id(permissions.MANAGE_SERVICES), row)


@pages.post("/admin/services", requires=permissions.MANAGE_SERVICES, form=_make_form, retry=_retry)
def create_service(form: forms.ServiceForm) -> Response:
    clinic_id = cycle.clinic_id(permissions.MANAGE_SERVICES)
    actions.services.create_service(clinic_id, form.typed(), actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/services?clinic_id={clinic_id}", toast=_("Servicio creado.")
    )


@pages.get("/admin/services/<int:service_id>", requires=permissions.MANAGE_SERVICES)
def service(service_id: int) -> Response:
    row = queries.lists.managed_service(service_id, cycle.actor())
    values = {**row._mapping, "colour": str(row.colour), "specialty_id": str(row.specialty_id or "")}
    return _form(forms.ServiceForm(formdata=None, data=values), row.clinic_id, row)


@pages.post("/admin/services/<int:service_id>", requires=permissions.MANAGE_SERVICES, form=_make_form, retry=_retry)
def change_service(service_id: int, form: forms.ServiceForm) -> Response:
    row = queries.lists.managed_service(service_id, cycle.actor())
    actions.services.update_service(service_id, form.typed(), actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/services?clinic_id={row.clinic_id}", toast=_("Servicio guardado.")
    )


def _form(form: forms.ServiceForm, clinic_id: int, service: Any = None) -> Response:
    actor = cycle.actor()
    form.set_choices(queries.lists.specialties(actor))
    here = queries.lists.clinic(clinic_id, actor)
    return fragments.page("clinics/service.html", form=form.with_submission_id(), service=service, here=here)


@pages.post("/admin/services/<int:service_id>/retirement", requires=permissions.MANAGE_SERVICES)
def retire_service(service_id: int) -> Response:
    row = queries.lists.managed_service(service_id, cycle.actor())
    actions.services.retire_service(service_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/services?clinic_id={row.clinic_id}", toast=_("%(name)s ya no se ofrece.", name=row.name)
    )


@pages.post("/admin/services/<int:service_id>/restoration", requires=permissions.MANAGE_SERVICES)
def restore_service(service_id: int) -> Response:
    row = queries.lists.managed_service(service_id, cycle.actor())
    actions.services.restore_service(service_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(
        redirect_url=f"/admin/services?clinic_id={row.clinic_id}",
        toast=_("%(name)s se ofrece de nuevo.", name=row.name),
    )
