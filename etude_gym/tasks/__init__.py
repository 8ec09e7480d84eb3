"""Tasks: their keys, and the contract of a domain that makes, plays and grades them."""
