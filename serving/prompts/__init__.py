"""Prompts: versioned templates as files, checked and hashed, and what a model is sent made of them."""
