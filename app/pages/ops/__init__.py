"""/ops: how the installation does."""
