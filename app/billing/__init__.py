"""Billing: tickets, payments and tills.

Nouns: Ticket (one per appointment, numbered without gaps, price snapshotted), PaymentMethod, Till,
TillSession (float, movements, closing: X and Z report), Movement (the one ledger: payments, refunds,
cash in and out). Balances are sums over movements; nothing issued is edited, only reversed.

It is a layer *below* scheduling: a booking opens its ticket in its own transaction by a direct call, and a
ticket refers to its appointment by id alone (docs/adr/0002).
"""
