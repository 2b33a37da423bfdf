"""Pages of this domain, by screen."""
