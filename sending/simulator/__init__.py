"""Mailbox providers to rehearse against: they accept, defer, refuse, bounce, complain, open, click and unsubscribe."""
