"""How good answers are, on questions with known evidence: what they quote, what they decline, what they find."""
