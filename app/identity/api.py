"""``/api/auth``: tokens on the same sessions, and who I am."""

from datetime import datetime
from typing import Any

from flask import Response, request
from flask_babel import gettext as _
from pydantic import AliasChoices, Field

from app.http import cycle, tokens
from app.http.error_responses import problem
from app.http.json import ApiBlueprint
from app.http.resources import AsTyped, Body
from app.identity import actions, permissions, queries
from app.identity.login import check_password
from app.kernel.access import Actor, require_anywhere

api = ApiBlueprint("auth", __name__)


class Credentials(Body):
    login: str = Field(validation_alias=AliasChoices("email", "username"), min_length=1, max_length=254)
    password: AsTyped = Field(min_length=1, max_length=1000)


class RefreshToken(Body):
    refresh: str = Field(min_length=1, max_length=200)


def user_json(actor: Actor) -> dict[str, Any]:
    """The user as the API shows it; optional ids are present only where they mean something."""
    user: dict[str, Any] = {
        "id": actor.user_id,
        "email": actor.email,
        "full_name": actor.name,
        "role": actor.role,
        "roles": sorted({role for _clinic, role in actor.roles}),
        "clinic_ids": sorted(actor.grants),
    }
    return user | {f"{kind}_id": subject_id for kind, subject_id in actor.profiles.items()}


def permissions_of(actor: Actor) -> list[str]:
    return sorted(actor.own.union(*actor.grants.values()))


@api.get("/api/auth/login/", public="what a login needs", endpoint="login_form")
def login_form() -> dict[str, Any]:
    return {"fields": ["email", "password"], "action": "/api/auth/login/", "page": "/login"}


def _check(body: Credentials) -> dict[str, Any]:
    return {"verified": check_password(body.login, body.password)}


@api.post("/api/auth/login/", public="signing in", body=Credentials, prepare=_check)
def login(body: Credentials, verified: actions.Verified) -> Any:
    """Open a session; answers an access token of ten minutes and a refresh token."""
    opened = actions.sign_in(verified, kind="api", device=request.user_agent.string, now=cycle.now())
    return _tokens(opened, cycle.now()) | {
        "user": user_json(opened.actor),
        "permissions": permissions_of(opened.actor),
    }


def _tokens(opened: actions.SignIn, now: datetime) -> dict[str, Any]:
    access = tokens.issue(user_id=opened.actor.person_id, session_id=opened.session_id, now=now)
    return {"access": access, "refresh": opened.token}


@api.post("/api/auth/refresh/", public="the refresh token is the proof", body=RefreshToken)
def refresh(body: RefreshToken) -> Any:
    """Exchange the refresh token for a successor; using that one spends the old one."""
    opened = actions.exchange(body.refresh, now=cycle.now())
    if opened is None:
        return problem(401, "INVALID_TOKEN", _("Token inválido"))
    return _tokens(opened, cycle.now())


@api.post("/api/auth/logout/", signed_in=True)
def logout() -> dict[str, Any] | Response:
    """End the session behind the token."""
    actions.sign_out(actor=cycle.actor(), now=cycle.now())
    return {"success": True, "success_message": _("Sesión cerrada.")}


@api.post("/api/auth/socket-ticket/", signed_in=True, status=201)
def socket_ticket() -> dict[str, Any]:
    """A ticket for ``?token=`` of a socket: good for a minute and one socket."""
    actor = cycle.actor()
    ticket = tokens.issue_ticket(user_id=actor.person_id, session_id=actor.session_id or 0, now=cycle.now())
    return {"ticket": ticket, "expires_in": int(tokens.TICKET_LIFETIME.total_seconds())}


@api.get("/api/auth/user/", signed_in=True)
def user() -> dict[str, Any]:
    return user_json(cycle.actor())


@api.get("/api/auth/permissions/", signed_in=True, endpoint="permissions")
def own_permissions() -> dict[str, Any]:
    return {"permissions": permissions_of(cycle.actor())}


@api.get("/api/auth/verify/", signed_in=True)
def verify() -> dict[str, Any]:
    actor = cycle.actor()
    return {"user_info": user_json(actor), "permissions": permissions_of(actor)}


@api.get("/api/permissions/user/<int:user_id>/", signed_in=True)
def permissions_of_user(user_id: int) -> dict[str, Any]:
    """The permissions of a user per clinic and role: one's own or, for administrators, those of their staff."""
    actor = cycle.actor()
    if user_id == actor.user_id:
        clinic_ids, own = frozenset(actor.grants), sorted(actor.own)
    else:
        require_anywhere(actor, permissions.MANAGE_USERS)
        queries.staff_member(user_id, actor=actor)
        clinic_ids, own = actor.clinics_with(permissions.MANAGE_USERS), []
    granted = queries.roles.of_user(user_id, clinic_ids=clinic_ids)
    return {"user_id": user_id, "own": own, "results": granted, "count": len(granted)}


BLUEPRINTS = (api,)
