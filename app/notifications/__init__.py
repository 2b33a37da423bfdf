"""Notifications: the inbox inside the product and deliveries to external addresses (e-mail).

Nouns: Notification (a line in a user's inbox), Delivery (one message to one address, claimed so that
it is neither lost nor sent twice). The texts belong to the packages that send them.
"""
