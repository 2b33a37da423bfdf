"""The collected side of a movement: what it put into a drawer or the clearing of a method, signed."""

from sqlalchemy import and_

from app.billing.accounts import COLLECTED
from app.billing.models import Movement, Posting

# a join of movements to postings, one row each; charges and other movements without money drop out
POSTED = and_(Posting.movement_id == Movement.id, Posting.account.in_(COLLECTED))
