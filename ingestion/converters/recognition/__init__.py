"""Text in pictures, by a program beside RAGLoop: tesseract, started anew for each picture. May import core only."""
