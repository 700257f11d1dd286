"""/reviews: evaluations, their reports, deciding on them, and drafts of cases."""
