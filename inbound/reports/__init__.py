"""Reports about a sending domain: who sends in its name, what passes, and how its mail is encrypted on the way."""
