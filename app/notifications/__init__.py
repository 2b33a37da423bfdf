"""Telling people: the inbox inside the product and deliveries to the outside (e-mail now).

Nouns: Notification (a line in a user's inbox), Delivery (one message to one address, claimed so that
it is neither lost nor sent twice). What is said belongs to the domain that says it.
"""
