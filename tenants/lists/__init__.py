"""Named groups of contacts, and each contact's consent to one group."""
