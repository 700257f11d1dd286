"""Drafts of cases out of the documents, by rules or by a judge model, for a person to accept or discard."""
