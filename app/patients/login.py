"""A patient's own registration, up to its transaction: what may be refused at once, then the password's hash."""

from flask import request

from app.http import cycle
from app.identity import login
from app.kernel import db
from app.patients import actions, rules


def prepare_registration(details: rules.Details, password: str) -> dict[str, str]:
    """What both registration routes prepare. Raises Invalid, WeakPassword, RateLimited."""
    with db.unit_of_work(write=False):
        actions.check_registration(details, password=password, address=request.remote_addr or "", now=cycle.now())
    return {"password_hash": login.hash_password(password)}
