"""Money: tickets, payments and the till.

Nouns: Ticket (one per appointment, numbered without gaps, price snapshotted), PaymentMethod, Till,
TillSession (float, movements, closing: X and Z report), Movement (the one ledger: payments, refunds,
cash in and out). Balances are sums over movements; nothing issued is edited, it is reversed.

Stands *below* scheduling: booking opens the ticket in its own transaction by calling down, and a
ticket knows its appointment only as a number (docs/adr/0002).
"""
