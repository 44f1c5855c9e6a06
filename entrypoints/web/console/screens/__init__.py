"""The screens: a module each, with its view and what it lists; its page is in `templates/`."""
