"""Pools and their routes: the ways out, and who may use them."""
