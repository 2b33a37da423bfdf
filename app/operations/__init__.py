"""Running the product: health, the clock, demo data, maintenance."""
