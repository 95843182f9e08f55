"""Mailbox providers: which recipient domains belong to one, and so share its patience with a sender."""
