"""How far passages support a question and a statement, without a model. Pure."""
