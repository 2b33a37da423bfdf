"""What every domain stands on: clock, money, errors, database, event log, jobs, mail, storage.

Knows no word of the clinic and nothing of HTTP.
"""
