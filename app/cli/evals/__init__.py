"""`ragloop eval`: its groups of commands."""
