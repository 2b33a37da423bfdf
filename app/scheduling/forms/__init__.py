"""Request data of this domain's pages, by screen."""
