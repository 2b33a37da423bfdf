"""Shared foundations of every domain: clock, money, errors, database, event log, jobs, mail, storage.

Independent of the clinic's domains and of HTTP.
"""
