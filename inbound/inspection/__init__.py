"""Mail that a person brings and asks about: what it is, whose message it was, what it would do; nothing changes by looking."""
