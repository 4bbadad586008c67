"""What is the report's page made of? Its style and its frame, as a Jinja template."""
# A line here is a line of the page.
# ruff: noqa: E501

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --text: #1b1f24; --soft: #57606a; --edge: #d0d7de;
  --link: #0b5cad; --yes: #117733; --no: #b03a48; --open: #6b5900;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1b2128; --text: #e6e9ed; --soft: #a3adb8; --edge: #3a434d;
    --link: #6cb6f0; --yes: #6fcf97; --no: #ff9aa5; --open: #e2c044;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: break-word; -webkit-text-size-adjust: 100%;
}
p, ul, summary, nav { max-width: 46rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--edge); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
a { color: var(--link); }
a:focus-visible, .scroll:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
code { background: var(--card); border-radius: .2rem; padding: .05em .25em; font-size: .9em; overflow-wrap: anywhere; }
nav { background: var(--card); border: 1px solid var(--edge); border-radius: .5rem; padding: .5rem 1rem; margin: 1rem 0; }
nav ul { margin: .25rem 0; padding-left: 1.1rem; columns: 18rem; }
.scroll { overflow-x: auto; margin: .75rem 0 1rem; border: 1px solid var(--edge); border-radius: .4rem; }
table { border-collapse: collapse; font-size: .9rem; min-width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .65rem; border-bottom: 1px solid var(--edge); vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
th { background: var(--card); vertical-align: bottom; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--page); min-width: 8rem; max-width: 24rem; }
th:first-child { background: var(--card); }
p:has(> .figure) { max-width: none; }
.verdict { font-weight: 600; white-space: nowrap; }
.reproduced, .reached { color: var(--yes); }
.not, .missed { color: var(--no); }
.inconclusive, .undecided { color: var(--open); }
.cannot, .untested { color: var(--soft); }
.figure { display: block; background: #ffffff; padding: .5rem; }
.figure img { display: block; width: calc(var(--wide) * 1px); max-width: 100%; min-width: calc(var(--wide) * .67px); height: auto; margin: 0 auto; }
details { margin: .5rem 0 1rem; }
summary { cursor: pointer; padding: .35rem 0; font-weight: 600; color: var(--link); }
@media (max-width: 40rem) {
  body { padding: .75rem; }
  th, td { padding: .3rem .45rem; }
  th:first-child, td:first-child { min-width: 7rem; max-width: 10.5rem; }
  table.words thead { display: none; }
  table.words, table.words tbody, table.words tr { display: block; }
  table.words tr { padding: .4rem .5rem; border-bottom: 1px solid var(--edge); }
  table.words tr:last-child { border-bottom: 0; }
  table.words td, table.words td:first-child {
    display: block; position: static; max-width: none; min-width: 0; padding: .1rem 0; border: 0; white-space: normal;
  }
  table.words td:first-child { font-weight: 600; }
  table.words td:not(:first-child)::before { content: attr(data-label) ": "; color: var(--soft); font-weight: 400; }
}
@media print { .scroll { overflow: visible; border: 0; } .figure img { min-width: 0; } }
"""

PAGE = """<!DOCTYPE html>
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
{{ opening }}
<nav aria-label="Contents">
<strong>Contents</strong>
<ul>
{% for name, text in contents %}
<li><a href="#{{ name }}">{{ text }}</a></li>
{% endfor %}
</ul>
</nav>
{{ sections }}
</main>
</body>
</html>
""".replace("STYLE", STYLE)
