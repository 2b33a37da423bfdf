"""Actions of this domain, by noun: appointments (book, move, cancel), visits (the day's steps), hours."""
