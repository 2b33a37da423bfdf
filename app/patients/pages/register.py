"""A patient's own registration. The answers are the same for known and unknown people."""

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.http import cycle, fragments
from app.http.html import PageBlueprint
from app.patients import actions, forms
from app.patients.login import prepare_registration

pages = PageBlueprint("registration", __name__)

PUBLIC = "patients register themselves"


@pages.get("/register", public=PUBLIC)
def new(form: forms.RegisterForm | None = None) -> Response:
    form = form or forms.RegisterForm(formdata=None)
    return fragments.page("patients/register.html", form=form.with_submission_id())


def _prepare(form: forms.RegisterForm) -> dict[str, Any]:
    return prepare_registration(form.details(), form.password.data or "")


@pages.post("/register", public=PUBLIC, form=forms.RegisterForm, retry=new, prepare=_prepare)
def register(form: forms.RegisterForm, password_hash: str) -> Response:
    """The same page for a new and for a known address: who has an account here is nobody else's business."""
    actions.register_self(
        form.details(),
        password_hash=password_hash,
        has_consented=bool(form.has_consented.data),
        address=request.remote_addr or "",
        now=cycle.now(),
    )
    return fragments.page("patients/registered.html", page_title=_("Registro recibido"), email=form.email.data)
