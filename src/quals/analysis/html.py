"""How does the report look in a browser? Its Markdown as one page that holds all it needs.

No script, no network: pictures are inside the page. It follows the reader's light or dark, and wide
tables and figures scroll by themselves, so that a phone shows the words at a readable size.
"""

import base64
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from quals.analysis.html_template import PAGE
from quals.analysis.plots import DPI
from quals.pages import fill

# The only HTML in our Markdown is what `folded` writes; anything else is text.
_FOLD = re.compile(r"(</?details>|<summary>[^<>]*</summary>|\s)*")
_INTERVAL = re.compile(r"\[([^][, ]+), ([^][, ]+)\]")
SHOWN_DPI = 100  # figures have more pixels than this, for screens that are finer than they say
VERDICTS = ("not reproduced", "reproduced", "inconclusive", "cannot be tested here")
STATES = ("reached", "missed", "undecided", "untested")


def render_page(markdown: str, picture: Callable[[str], bytes]) -> str:
    """The page; `picture` gives the bytes of the PNG that an image of the Markdown names."""
    parser = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    parser.add_render_rule("html_block", _html_block)
    parser.add_render_rule("html_inline", _html_inline)
    parser.add_render_rule("table_open", _opened)
    parser.add_render_rule("table_close", _closed)
    parser.add_render_rule("image", _image(picture))
    tokens = parser.parse(markdown)
    headings = _number_headings(tokens)
    _mark_verdicts(tokens)
    _label_words(tokens)
    _keep_intervals_whole(tokens)
    first = next((at for at, token in enumerate(tokens) if _opens_section(token)), len(tokens))
    opening, sections = (
        Markup(parser.renderer.render(part, parser.options, {}))
        for part in (tokens[:first], tokens[first:])
    )
    return fill(
        PAGE,
        title=headings[0][2] if headings else "Report",
        contents=[(name, text) for level, name, text in headings if level == "h2"],
        opening=opening,
        sections=sections,
    )


def read_pictures(folder: Path) -> Callable[[str], bytes]:
    """Pictures by their file's name in a folder; a path out of it is refused."""

    def read(name: str) -> bytes:
        if Path(name).name != name:
            raise ValueError(f"'{name}' is no picture of the report's folder")
        return (folder / name).read_bytes()

    return read


def _number_headings(tokens: Sequence[Token]) -> list[tuple[str, str, str]]:
    """Give every heading an id; level, id and text of each."""
    found, known = [], set()
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        name = re.sub(r"\W+", "-", content.content.lower()).strip("-")
        while name in known:  # "xsum" heads a part of several sections
            name += "-"
        known.add(name)
        opening.attrSet("id", name)
        text = "".join(child.content for child in content.children or ())
        found.append((opening.tag, name, text))
    return found


def _opens_section(token: Token) -> bool:
    return token.type == "heading_open" and token.tag == "h2"


def _keep_intervals_whole(tokens: Sequence[Token]) -> None:
    """Where a table is too wide, a cell breaks before the bracket of an interval and not in it."""
    for opening, content in pairwise(tokens):
        if opening.type == "td_open":
            for child in content.children or ():
                child.content = _INTERVAL.sub("[\\1,\u00a0\\2]", child.content)


def _mark_verdicts(tokens: Sequence[Token]) -> None:
    """A class for each cell that holds nothing but a verdict: words first, colour beside them."""
    for opening, content in pairwise(tokens):
        if opening.type == "td_open" and content.content in (*VERDICTS, *STATES):
            opening.attrJoin("class", f"verdict {content.content.split()[0]}")


def _label_words(tokens: Sequence[Token]) -> None:
    """Tables of words, all columns to the left, tell each cell its column: a phone stacks them."""
    for start, opening in enumerate(tokens):
        if opening.type != "table_open":
            continue
        end = next(at for at in range(start, len(tokens)) if tokens[at].type == "table_close")
        inside = list(pairwise(tokens[start:end]))
        heads = [(cell, text.content) for cell, text in inside if cell.type == "th_open"]
        if any("right" in str(cell.attrs.get("style", "")) for cell, _ in heads):
            continue
        opening.attrSet("class", "words")
        cells = [cell for cell, _ in inside if cell.type == "td_open"]
        for at, cell in enumerate(cells):
            cell.attrSet("data-label", heads[at % len(heads)][1])


def _html_block(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    text = tokens[at].content
    return text if _FOLD.fullmatch(text) else str(Markup.escape(text))


def _html_inline(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return str(Markup.escape(tokens[at].content))


def _opened(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    kind = Markup(' class="words"') if tokens[at].attrs.get("class") else ""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">\n<table{kind}>\n'


def _closed(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    return "</table>\n</div>\n"


def _image(picture: Callable[[str], bytes]) -> Callable[..., str]:
    def draw(
        self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        name, title = str(tokens[at].attrs["src"]), tokens[at].content
        found = picture(name)
        pixels = int.from_bytes(found[16:20])  # as the head of a PNG has it
        wide = round(pixels * SHOWN_DPI / DPI)
        content = base64.b64encode(found).decode("ascii")
        alt = Markup.escape(title)
        return (
            f'<span class="scroll figure" tabindex="0" role="region" aria-label="{alt}">'
            f'<img alt="{alt}" style="--wide:{wide}" src="data:image/png;base64,{content}"></span>'
        )

    return draw
