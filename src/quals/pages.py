"""How does a page get its values? Through one Jinja environment that escapes everything."""

from collections.abc import Callable


def fill(
    template: str, *, finalize: Callable[[object], object] | None = None, **values: object
) -> str:
    """The template with its values; a name without a value raises.

    `finalize` turns every value before it is written.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=finalize,
    )
    return environment.from_string(template).render(**values)
