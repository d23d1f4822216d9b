"""Training runs: what they are made of, and what is estimated from them."""
