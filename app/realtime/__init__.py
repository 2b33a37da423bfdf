"""Sockets, the channels that they join, and what is sent over them.

A screen is kept up to date by a ``refresh`` frame: it names topics, and the browser fetches the ordinary fragment
with its own rights. Frames that carry data (``push``) go to a topic, a person or one connection. Nothing is replayed;
after a lost connection every region of a page fetches itself.
"""
