"""A new index beside the live one, out of the same documents, and what indexes there are."""
