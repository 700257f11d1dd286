"""One module a language, all with the fields of serving.wording.wording.Wording."""
