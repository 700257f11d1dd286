"""/documents: the list, and a document at the place an answer cites."""
