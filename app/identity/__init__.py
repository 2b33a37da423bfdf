"""Users, sessions, roles per clinic, sign-in for pages and JSON.

Nouns: User, Membership (user, clinic, role), UserSession (a revocable row behind every cookie and
token), LoginAttempt. Follows OWASP ASVS 5 chapters 6 and 7 (argon2id, new id at sign-in, server-side
sessions of 30 idle minutes). The second factor and custom roles are later rooms.
"""
