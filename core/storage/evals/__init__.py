"""What is kept of measuring: datasets, drafts of cases, evaluations with their rows."""
