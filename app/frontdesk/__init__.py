"""The front desk's screens: the day's board, walk-ins, the next visit, closing the day.

Reads scheduling, billing and patients; owns no table.
"""
