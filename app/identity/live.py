"""After which events the connections of a user are checked again."""

from app.identity.events import AccountClosed, RolesChanged, SessionRevoked
from app.realtime.channels import RightsChanges

RIGHTS_CHANGED: RightsChanges = {
    SessionRevoked: lambda row: [row.parse(SessionRevoked).user_id],
    RolesChanged: lambda row: [row.parse(RolesChanged).user_id],
    AccountClosed: lambda row: [row.parse(AccountClosed).user_id],
}
