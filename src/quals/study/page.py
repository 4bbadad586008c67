"""What does an annotator open? One self-contained page that works without a network."""

from quals.study.blinding import Study
from quals.study.script import SCRIPT
from quals.study.template import BODY, STYLE


def render(study: Study, title: str = "Which summary is better?") -> str:
    """The page as HTML; it holds the texts, never the key, and everything is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    body = environment.from_string(BODY.replace("STYLE", STYLE)).render(
        title=title, form=study.form
    )
    # The script is put in last: to Jinja its braces could be a template.
    return body.lstrip().replace("<script>SCRIPT</script>", f"<script>{SCRIPT}</script>")
