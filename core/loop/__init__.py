"""The values of the loop: votes, what was made of them, why answers were bad, and what fired."""
