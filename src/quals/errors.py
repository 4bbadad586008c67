"""Which errors are the user's to mend? All that end a command in one line and exit code 2."""


class InputError(ValueError):
    """A file, setting or model folder cannot be used; the message says which and why."""
