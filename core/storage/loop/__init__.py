"""What is kept of the loop: votes, diagnoses, firings, checks, erasures."""
