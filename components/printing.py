"""What is printed for people: text of others holds nothing that a terminal obeys."""

import click


def printable(text: str) -> str:
    """Text of others without any character that a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text, whose lines are kept; of all else only what is printable.

    Args:
        text: may hold what others wrote: names of files, reasons, errors of libraries.
        err: to the errors.
        nl: end the line.
    """
    click.echo("\n".join(map(printable, text.split("\n"))), err=err, nl=nl)
