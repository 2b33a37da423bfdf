"""The demo clinic: deterministic, dated around today, something on every screen.

It is the one place that writes other domains' tables by itself: sixty days of a clinic's life in bulk,
with the instants at which things happened. What has rules of its own (opening, moving and closing a
till; the words of notices) goes through the domains' actions. The database's guards are on.
"""

from app.cli.demo.load import NotEmpty, Summary, is_empty, load

__all__ = ["NotEmpty", "Summary", "is_empty", "load"]
