"""What does an annotator open? One self-contained page that works without a network."""

from quals.pages import fill
from quals.study.blinding import Study
from quals.study.script import SCRIPT
from quals.study.template import BODY, STYLE


def render(study: Study, title: str = "Which summary is better?") -> str:
    """The page as HTML; it holds the texts, never the key, and everything is escaped."""
    body = fill(BODY.replace("STYLE", STYLE), title=title, form=study.form)
    # The script is put in last: to Jinja its braces could be a template.
    return body.lstrip().replace("<script>SCRIPT</script>", f"<script>{SCRIPT}</script>")
