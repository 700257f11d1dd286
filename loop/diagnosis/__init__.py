"""Why an answer was bad: observed step by step, and named by rules."""
