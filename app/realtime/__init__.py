"""Live screens: topics, who may listen, and the sockets of this process.

A socket carries wake-ups and never data: the browser fetches the ordinary fragment with its own
rights. Nothing is replayed; after a lost connection every region fetches itself.
"""
