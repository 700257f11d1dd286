"""How far a judge can be trusted: its scores beside people's, and beside its own."""
