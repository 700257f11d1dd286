"""Whether questions about identifiers that stand in no document are declined, and those about present ones are not."""
