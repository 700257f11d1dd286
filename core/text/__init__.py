"""Text as everybody here reads it: sentences, the lines of markdown, the marker of a citation. Pure."""
