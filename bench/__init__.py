"""What the product costs: script/bench."""
