"""/feedback: what people said about answers, for a person to accept or dismiss."""
