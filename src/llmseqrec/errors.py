"""The one exception users see."""


class InputError(Exception):
    """A problem in what the user gave, told in one line."""
