"""Sign in, sign out, one's own account, and the redirect to each role's home."""

from datetime import datetime
from typing import Any

from flask import Response, current_app, make_response, redirect, request, session
from flask_babel import format_timedelta
from flask_babel import gettext as _
from flask_login import logout_user

from app.http import cycle, fragments, screens
from app.http.html import PageBlueprint
from app.identity import actions, forms, login, permissions, queries, rules
from app.identity.actions.attempts import Attempt
from app.kernel import db
from app.kernel.access import Actor
from app.kernel.i18n import N_
from app.tenancy import queries as tenancy

pages = PageBlueprint("identity", __name__)

DEMO_ACCOUNTS = (
    (N_("Ana, recepción Miraflores"), "ana@example.com"),
    (N_("Bruno, terapeuta"), "bruno@example.com"),
    (N_("Clara, paciente"), "clara@example.com"),
    (N_("Diego, supervisión"), "diego@example.com"),
    (N_("Eva, administración"), "eva@example.com"),
    (N_("Fabio, recepción Arequipa"), "fabio@example.com"),
)


@pages.get("/", public="sends everybody to their own home or to the sign-in")
def home() -> Response:
    actor = cycle.maybe_actor()
    return make_response(redirect(screens.home(actor) if actor else "/login", 303))


@pages.get("/dashboard", requires=permissions.OWN_ACCOUNT)
def dashboard() -> Response:
    return make_response(redirect(screens.home(cycle.actor()), 303))


@pages.get("/login", public="signing in")
def login_page() -> Any:
    actor = cycle.maybe_actor()
    if actor is None:
        return _login(forms.LoginForm())
    return redirect(fragments.local_path(request.args.get("next", "")) or screens.home(actor), 303)


def _login(form: forms.LoginForm) -> Response:
    is_demo = current_app.config["SETTINGS"].env == "demo"
    return fragments.page(
        "identity/login.html",
        form=form,
        next=fragments.local_path(request.values.get("next", "")),
        demo_accounts=[{"label": label, "email": email} for label, email in DEMO_ACCOUNTS] if is_demo else [],
    )


def _check(form: forms.LoginForm) -> dict[str, Any]:
    devices = login.known_devices()
    return {"verified": login.check_password(form.email.data or "", form.password.data or "", devices=devices)}


@pages.post("/login", public="signing in", form=forms.LoginForm, retry=_login, prepare=_check)
def sign_in(form: forms.LoginForm, verified: actions.Verified) -> Any:
    opened = actions.sign_in(verified, kind="browser", device=request.user_agent.string, now=cycle.now())
    login.begin(opened, password_hash=verified.password_hash)
    return redirect(fragments.local_path(request.form.get("next", "")) or screens.home(opened.actor), 303)


@pages.post("/logout", requires=permissions.OWN_ACCOUNT)
def sign_out() -> Response:
    actions.sign_out(actor=cycle.actor(), now=cycle.now())
    logout_user()
    session.clear()
    response = make_response(redirect("/login", 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@pages.get("/account", requires=permissions.OWN_ACCOUNT)
def account(form: forms.PasswordForm | forms.PreferencesForm | None = None) -> Response:
    """One's own account; a form given is shown as it was typed."""
    actor = cycle.actor()
    password = form if isinstance(form, forms.PasswordForm) else forms.PasswordForm(formdata=None)
    preferences = form if isinstance(form, forms.PreferencesForm) else _preferences(actor)
    return fragments.page(
        "identity/account.html",
        password=password.with_submission_id(),
        preferences=preferences.with_submission_id(),
        must_change=actor.has_temporary_password,
        sessions=[
            {**row, "last_use": _ago(row["last_seen_at"])} for row in queries.own_sessions(actor=actor, now=cycle.now())
        ],
    )


def _ago(instant: datetime) -> str:
    """``hace 5 minutos``."""
    return str(format_timedelta(instant - cycle.now(), granularity="minute", add_direction=True))


def _preferences(actor: Actor) -> forms.PreferencesForm:
    return forms.PreferencesForm(formdata=None, locale=actor.locale or "", theme=actor.theme or "")


def _new_password(form: forms.PasswordForm) -> dict[str, Any]:
    actor, new = cycle.actor(), form.new.data or ""
    with db.unit_of_work(write=False):
        clinic = tenancy.names_of(actor.organization_id)
    rules.check_password(new, words=(actor.email, actor.name, *clinic))
    return {"checked": login.check_own_password(actor, form.current.data or ""), "new": login.hash_password(new)}


@pages.post(
    "/account/password",
    requires=permissions.OWN_ACCOUNT,
    form=forms.PasswordForm,
    retry=account,
    prepare=_new_password,
)
def change_password(form: forms.PasswordForm, checked: Attempt, new: str) -> Response:
    actions.change_password(new=new, checked=checked, actor=cycle.actor(), now=cycle.now())
    login.remember_device(cycle.actor().person_id, new)
    url = "/" if cycle.actor().has_temporary_password else "/account"
    return fragments.fragment_response(
        redirect_url=url, toast=_("Contraseña cambiada. Las otras sesiones se cerraron.")
    )


@pages.post(
    "/account/preferences",
    requires=permissions.OWN_ACCOUNT,
    form=forms.PreferencesForm,
    retry=account,
)
def change_preferences(form: forms.PreferencesForm) -> Response:
    actions.change_preferences(locale=form.locale.data or None, theme=form.theme.data or None, actor=cycle.actor())
    response = fragments.redirect_to("/account")
    if form.theme.data:  # the script of the page header reads it before the first paint
        response.set_cookie("theme", form.theme.data, max_age=365 * 86400, samesite="Lax")
    else:
        response.delete_cookie("theme")
    return response


@pages.post("/account/sessions/others/revocation", requires=permissions.OWN_ACCOUNT)
def revoke_other_sessions() -> Response:
    actions.revoke_other_sessions(actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url="/account", toast=_("Las otras sesiones se cerraron."))


@pages.post("/account/sessions/<int:session_id>/revocation", requires=permissions.OWN_ACCOUNT)
def revoke_session(session_id: int) -> Response:
    actions.revoke_own_session(session_id, actor=cycle.actor(), now=cycle.now())
    return fragments.fragment_response(redirect_url="/account", toast=_("Sesión cerrada."))
