"""/: the conversation, its answers, and voting on them."""
