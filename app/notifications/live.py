"""Live region: a person's own inbox and the badge on the bell."""

from app.notifications import events, queries
from app.realtime.regions import Region

INBOX = Region("inbox", lambda actor, user_id: actor.user_id == int(user_id)).on(
    events.InboxChanged, lambda row: [queries.topic_of(row.parse(events.InboxChanged).user_id)]
)


REGIONS = (INBOX,)
