"""What is the page made of? Its style and its HTML, as a Jinja template with autoescape.

Summary and document differ by colour, mark (circle, square) and line (solid, dashed); supported and
differing pairs by colour, symbol and word. Blue and orange stay apart for colour-blind readers.
"""
# A line here is a line of the page: broken, it would show spaces that nobody wrote.
# ruff: noqa: E501

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --text: #1b1f24; --soft: #57606a; --edge: #d0d7de;
  --summary: #1f77b4; --document: #c75300; --gap: #fbdcc0; --good: #dcecf8; --bad: #fde6d2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1b2128; --text: #e6e9ed; --soft: #a3adb8; --edge: #3a434d;
    --summary: #6cb6f0; --document: #ff9f4a; --gap: #54361a; --good: #17334a; --bad: #4a2f18;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 56rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; display: flex; flex-wrap: wrap; gap: .25rem .75rem; }
p { margin: 0 0 .5rem; }
a { color: inherit; }
a:focus-visible, .scroll:focus-visible, summary:focus-visible {
  outline: 3px solid var(--summary); outline-offset: 2px;
}
.score { font-size: 1.15rem; }
.soft { color: var(--soft); font-size: .9rem; }
.note { border-left: 4px solid var(--document); padding-left: .75rem; }
.text { white-space: pre-line; border: 1px solid var(--edge); border-radius: .5rem; padding: .75rem; }
mark { color: inherit; border-radius: .2rem; padding: .05em .1em; }
mark.good { background: var(--good); border-bottom: 2px solid var(--summary); }
mark.bad { background: var(--bad); border-bottom: 2px dashed var(--document); }
.ref { font-size: .75rem; vertical-align: super; line-height: 1; text-decoration: none; }
.ref a { display: inline-block; padding: .15rem .2rem; font-weight: 600; }
.gap-note { display: block; color: var(--soft); font-style: italic; margin: .5rem 0; }
.card {
  background: var(--card); border: 1px solid var(--edge); border-radius: .5rem;
  padding: .75rem; margin: 0 0 1rem;
}
.card:target, .sentence:target, .piece:target { outline: 3px solid var(--summary); }
.tag { font-weight: 600; padding: 0 .4rem; border-radius: .25rem; }
.tag.good { background: var(--good); } .tag.bad { background: var(--bad); }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .75rem; margin: 0 0 .5rem; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
blockquote { margin: 0 0 .5rem; padding-left: .75rem; border-left: 3px solid var(--edge); }
@media (min-width: 52rem) {
  .both { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 1.25rem; }
  .said { padding-top: 1.5rem; }
}
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .5rem 0 .25rem; }
.legend svg { width: 28px; height: 12px; vertical-align: baseline; margin-right: .3rem; }
.scroll { overflow-x: auto; }
.chart { display: block; height: auto; }
.chart text { fill: var(--text); font-size: 12px; }
.chart .axis { stroke: var(--edge); stroke-width: 1; }
.chart .scale, .chart .part { fill: var(--soft); font-size: 11px; }
.chart .cut { stroke: var(--soft); stroke-dasharray: 2 3; }
.chart .band, .swatch { fill: var(--gap); }
.line { fill: none; stroke-width: 2; }
.line.summary { stroke: var(--summary); }
.line.document { stroke: var(--document); stroke-dasharray: 5 3; }
.dot.summary { fill: var(--summary); } .dot.document { fill: var(--document); }
.chart .special { font-style: italic; fill: var(--soft); }
.chart .lost { font-weight: 700; }
.chart .uncounted { opacity: .45; }
.chart .readout { visibility: hidden; font-weight: 600; }
.chart .token { outline: none; }
.chart .hit { fill: transparent; }
.chart .token:hover .readout, .chart .token:focus .readout { visibility: visible; }
.chart .token:hover .hit, .chart .token:focus .hit { stroke: var(--soft); }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; }
th, td { text-align: right; padding: .15rem .5rem; border-bottom: 1px solid var(--edge); }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; }
tr.lost td { background: var(--gap); }
summary { cursor: pointer; padding: .25rem 0; }
@media print { .card { break-inside: avoid; } }
"""

# The square is small enough for the circle to be seen behind it where both lie in one place.
_MACROS = """
{% macro refs(cards) %}
<span class="ref">{% for card in cards %}<a href="#pair-{{ card.number }}" aria-label="pair {{ card.number }}, {{ wording.verdict(card) }}">{{ "\u2713" if card.supported else "\u2260" }}{{ card.number }}</a>{% endfor %}</span>
{%- endmacro %}
{% macro tone(cards) %}{{ "good" if cards | map(attribute="supported") | min else "bad" }}{% endmacro %}
{% macro legend() %}
<p class="legend soft">
<span><svg viewBox="0 0 28 12" aria-hidden="true"><line class="line summary" x1="0" y1="6" x2="28" y2="6"/><circle class="dot summary" cx="14" cy="6" r="6"/></svg>under the summary</span>
<span><svg viewBox="0 0 28 12" aria-hidden="true"><line class="line document" x1="0" y1="6" x2="28" y2="6"/><rect class="dot document" x="10.5" y="2.5" width="7" height="7"/></svg>under the document</span>
<span><svg viewBox="0 0 28 12" aria-hidden="true"><rect class="swatch" x="4" y="0" width="20" height="12"/></svg>less than half as likely</span>
</p>
{% endmacro %}
{% macro drawing(card) %}
{% set drawn = chart.draw(card) %}
{% set floor = chart.TOP + chart.HEIGHT %}
<div class="scroll" tabindex="0" role="region" aria-label="Chart of pair {{ card.number }}">
<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ drawn.width }} {{ drawn.height }}" style="width:100%;min-width:{{ (drawn.width * 0.86) | round | int }}px;max-width:{{ (drawn.width * 1.35) | round | int }}px" role="img" aria-labelledby="chart-{{ card.number }}">
<title id="chart-{{ card.number }}">Probability of each token of pair {{ card.number }} under summary and document; the numbers are in the table below</title>
{% for value, name in ((0, "0"), (0.5, "0.5"), (1, "1")) %}
<line class="axis" x1="{{ chart.LEFT }}" y1="{{ chart.y_of(value) }}" x2="{{ drawn.width - chart.RIGHT }}" y2="{{ chart.y_of(value) }}"/>
<text class="scale" x="{{ chart.LEFT - 6 }}" y="{{ chart.y_of(value) + 4 }}" text-anchor="end">{{ name }}</text>
{% endfor %}
{% for column in drawn.columns if column.gap %}
<rect class="band" x="{{ column.x - chart.COLUMN / 2 }}" y="{{ chart.TOP }}" width="{{ chart.COLUMN }}" height="{{ chart.HEIGHT }}"/>
{% endfor %}
<line class="cut" x1="{{ drawn.answer_x }}" y1="{{ chart.TOP - 4 }}" x2="{{ drawn.answer_x }}" y2="{{ floor }}"/>
<polyline class="line summary" points="{{ drawn.summary_line }}"/>
<polyline class="line document" points="{{ drawn.document_line }}"/>
{% for column in drawn.columns %}
<g class="token{{ "" if column.counted else " uncounted" }}" tabindex="-1">
<title>{{ column.title }}</title>
<circle class="dot summary" cx="{{ column.x }}" cy="{{ column.summary_y }}" r="6"/>
<rect class="dot document" x="{{ column.x - 3.5 }}" y="{{ column.document_y - 3.5 }}" width="7" height="7"/>
<text class="{{ "special" if column.part == "mark" else "" }}{{ " lost" if column.gap else "" }}" text-anchor="end" transform="translate({{ column.x + 4 }} {{ floor + 14 }}) rotate(-50)">{{ column.label }}</text>
<rect class="hit" x="{{ column.x - chart.COLUMN / 2 }}" y="{{ chart.TOP }}" width="{{ chart.COLUMN }}" height="{{ chart.HEIGHT + 8 }}"/>
<text class="readout" x="{{ column.readout_x }}" y="{{ chart.TOP - 14 }}" text-anchor="middle">{{ column.readout }}</text>
</g>
{% endfor %}
</svg>
</div>
{% endmacro %}
{% macro numbers(card) %}
<details>
<summary>The numbers of pair {{ card.number }}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table of pair {{ card.number }}">
<table>
<caption class="soft">Probability of each token under summary and document, and how many times as likely the document makes it</caption>
<thead><tr><th scope="col">Token</th><th scope="col">Summary</th><th scope="col">Document</th><th scope="col">Times</th></tr></thead>
<tbody>
{% for row in chart.table(card) %}
<tr{% if row.gap %} class="lost"{% endif %}><td><bdi>{{ row.token }}</bdi>{{ "" if row.counted else " (not counted)" }}</td><td>{{ row.summary }}</td><td>{{ row.document }}</td><td>{{ row.factor }}{{ " \u25bc" if row.gap else "" }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
</details>
{% endmacro %}
"""

_BODY = """
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>STYLE</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="score">QUALS <strong>{{ "none" if explanation.quals is none else wording.signed(explanation.quals) }}</strong></p>
<p>{{ meaning }}</p>
{% for note in notes %}
<p class="note">{{ note }}</p>
{% endfor %}
<h2 id="summary">Summary</h2>
<p class="text" dir="auto">
{%- for piece in pieces -%}
{%- if piece.within -%}<mark class="{{ tone(piece.within) }}">{{ piece.text }}</mark>{%- else -%}{{ piece.text }}{%- endif -%}
{%- if piece.ends %}{{ refs(piece.ends) }}{% endif -%}
{%- endfor -%}
</p>
{% if explanation.cards %}
<h2 id="pairs">Questions and answers, worst first</h2>
<p class="soft">{{ rule }}</p>
{% for card in explanation.cards %}
<article class="card" id="pair-{{ card.number }}" aria-labelledby="head-{{ card.number }}">
<h3 id="head-{{ card.number }}"><span>Pair {{ card.number }}</span> <span>score {{ wording.signed(card.score) }}</span> <span class="tag {{ tone([card]) }}">{{ "\u2713" if card.supported else "\u2260" }} {{ wording.verdict(card) }}</span></h3>
<dl>
<dt>Question</dt><dd dir="auto">{{ card.pair.question }}</dd>
<dt>Answer</dt><dd dir="auto"><strong>{{ card.pair.answer }}</strong></dd>
</dl>
<div class="both">
<div>
{{ legend() }}
{{ drawing(card) }}
</div>
<div class="said">
<p>{{ wording.drop(card) }}</p>
{% if card.evidence is none %}
<p class="soft">{{ wording.closest_sentence(card) }}</p>
{% else %}
{% set before, answer, after = sentence_parts(card) %}
<p class="soft"><a href="#sentence-{{ card.evidence.sentence + 1 }}">{{ wording.closest_sentence(card) }}</a></p>
<blockquote dir="auto">{{ before }}{% if answer %}<strong>{{ answer }}</strong>{% endif %}{{ after }}</blockquote>
{% endif %}
</div>
</div>
{{ numbers(card) }}
</article>
{% endfor %}
{% endif %}
<h2 id="document">Document</h2>
{% if document %}
<p class="text" dir="auto">
{%- for part in document -%}
{%- if part.number is defined -%}
{{ part.before }}
{%- if part.cards -%}<mark class="sentence {{ tone(part.cards) }}" id="sentence-{{ part.number + 1 }}">{{ part.text }}</mark>{{ refs(part.cards) }}{%- else -%}{{ part.text }}{%- endif -%}
{%- else -%}
<span class="gap-note">({{ "{:,}".format(part.sentences) }} sentences, {{ "{:,}".format(part.words) }} words left out)</span>
{%- endif -%}
{%- endfor -%}
</p>
{% else %}
<p class="soft">The document is empty.</p>
{% endif %}
</main>
</body>
</html>
"""

PAGE = (_MACROS + _BODY.replace("STYLE", STYLE)).strip() + "\n"
