"""The questions that releases are measured with: cases, their versions in the database, their evidence."""
