"""The posting of a movement on a till or clearing account, signed."""

from sqlalchemy import and_

from app.billing.accounts import COLLECTED, DIFFERENCES
from app.billing.models import Movement, Posting

# joins each movement to its one posting of this kind; charges have none and are left out, as are the differences
# that counts found: they are no turnover
POSTED = and_(Posting.movement_id == Movement.id, Posting.account.in_(COLLECTED), Movement.kind.not_in(DIFFERENCES))
