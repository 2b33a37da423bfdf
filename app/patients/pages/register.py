"""A patient's own registration. Both pages are the same for known and unknown people."""

from flask import Response, request
from flask_babel import gettext as _

from app.http import cycle, error_responses, fragments
from app.http.html import PageBlueprint
from app.identity.rules import WeakPassword
from app.kernel.errors import Invalid, TooMany
from app.patients import actions, forms

pages = PageBlueprint("registration", __name__)

PUBLIC = "patients register themselves"


@pages.get("/register", public=PUBLIC)
def form() -> Response:
    return _show(forms.RegisterForm(formdata=None))


@pages.post("/register", public=PUBLIC)
def register() -> Response:
    form = forms.RegisterForm()
    if not form.validate():
        return _show(form, status=422)
    try:
        actions.register_self(
            form.details(), password=form.password.data or "", address=request.remote_addr or "", now=cycle.now()
        )
    except Invalid as error:
        form.blame(error)
        return _show(form, status=422)
    except WeakPassword as error:
        form.password.errors = [error_responses.sentence(error)]
        return _show(form, status=422)
    except TooMany as error:
        return _show(form, error=error_responses.sentence(error), status=429)
    return fragments.leave("/register/done")


@pages.get("/register/done", public=PUBLIC)
def done() -> Response:
    return fragments.page("patients/registered.html", page_title=_("Registro recibido"))


def _show(form: forms.RegisterForm, *, error: str = "", status: int = 200) -> Response:
    return fragments.page("patients/register.html", status=status, form=form.with_submission_id(), error=error)
