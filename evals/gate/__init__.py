"""The comparison of a candidate with what is live, and what the gate says of it. Pure."""
