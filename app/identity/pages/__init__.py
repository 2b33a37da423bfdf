"""Pages: signing in and one's own account; the users of the clinics for their admins."""

from app.identity.pages import account, users

BLUEPRINTS = (account.pages, users.pages)
