"""People: who signs in, and which role each of their groups has for which feeds."""
