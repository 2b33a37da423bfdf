"""Reads of this domain, by noun. Each takes ``actor`` where its answer depends on who asks."""
