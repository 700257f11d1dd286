"""What an answer passes on its way out: markers made citations, the instruction kept, addresses made harmless."""
