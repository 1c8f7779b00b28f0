"""Networks over sessions, and what trains them."""
