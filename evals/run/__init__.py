"""Running an evaluation: every case asked, scored, compared, and put on record."""
