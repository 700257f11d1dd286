"""Commands about what the model server serves: models, their tuning, their adapters."""
