"""A second look at what a reader made of a file: by words, against a reader of another kind."""
