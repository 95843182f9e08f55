"""Looks whether an installation is well: what it stands on, one question a file, each answer with what to do."""
