"""Rules that the operator's people make from mail that nobody understood, each with the mail that proves it."""
