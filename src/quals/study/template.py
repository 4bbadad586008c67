"""What is the form made of? Its style and its HTML, as a Jinja template with autoescape.

The texts come from a block of JSON and reach the page as text, never as markup. The policy in the
head forbids the page to load or send anything. Chosen answers differ by colour and mark, of which
neither moves the text.
"""
# A line here is a line of the page: broken, it would show spaces that nobody wrote.
# ruff: noqa: E501

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f7f9; --text: #1b1f24; --soft: #57606a; --edge: #8c959f;
  --accent: #0b5cad; --on: #ffffff; --warn: #fde6d2; --bar: #d0d7de;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --card: #1b2128; --text: #e6e9ed; --soft: #a3adb8; --edge: #6b7785;
    --accent: #6cb6f0; --on: #0d1117; --warn: #4a2f18; --bar: #3a434d;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
header, main { margin: 0 auto; max-width: 80rem; padding: .75rem 1rem; }
.top { position: sticky; top: 0; z-index: 1; background: var(--page); border-bottom: 1px solid var(--bar); }
.top header { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; padding-block: .5rem; }
.top strong { flex: none; }
progress { flex: 1 1 6rem; height: .6rem; accent-color: var(--accent); }
h1 { font-size: 1.4rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1rem; margin: 0 0 .25rem; }
h1:focus, h2:focus { outline: none; }
p { margin: 0 0 .5rem; }
.prose { max-width: 42rem; margin: 0 auto; }
.soft { color: var(--soft); font-size: .9rem; }
.warn { background: var(--warn); padding: .5rem .75rem; border-radius: .5rem; margin-bottom: .75rem; }
.text { white-space: pre-line; margin: 0; }
.card { background: var(--card); border: 1px solid var(--bar); border-radius: .5rem; padding: .6rem .8rem; margin: 0 0 .75rem; }
.article { max-height: 40vh; overflow-y: auto; }
.empty { color: var(--soft); font-style: italic; }
fieldset { position: relative; border: 0; margin: 0 0 .75rem; padding: 0 0 0 .85rem; min-width: 0; }
fieldset.active::before { content: ""; position: absolute; inset: 0 auto 0 0; width: 4px; border-radius: 2px; background: var(--accent); }
/* Afloat, a legend lies inside its fieldset, and the mark starts above it. */
legend { padding: 0; font-weight: 600; float: left; width: 100%; }
legend + p { clear: both; }
.choices { display: grid; grid-template-columns: repeat(3, 1fr); gap: .4rem; }
.choices label { position: relative; display: block; cursor: pointer; }
.choices input { position: absolute; opacity: 0; inset: 0; width: 100%; height: 100%; margin: 0; cursor: pointer; }
.choices span, button {
  display: block; min-height: 2.75rem; padding: .6rem .25rem; text-align: center;
  border: 1px solid var(--edge); border-radius: .5rem; background: var(--page); color: var(--text);
}
.choices span { position: relative; }
.choices input { z-index: 1; }
.choices input:checked + span { background: var(--accent); border-color: var(--accent); color: var(--on); }
.choices input:checked + span::before { content: "\\2713"; position: absolute; inset: 0 .3rem auto auto; font-size: .75rem; font-weight: 700; }
.choices input:focus-visible + span, button:focus-visible, textarea:focus-visible, input:focus-visible, .article:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px;
}
button { font: inherit; cursor: pointer; min-width: 5rem; padding-inline: .75rem; }
button:disabled { opacity: .45; cursor: default; }
button.main { background: var(--accent); border-color: var(--accent); color: var(--on); font-weight: 600; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; margin: .75rem 0; }
.row .main { flex: 1 1 9rem; }
.open { max-height: 40vh; overflow-y: auto; padding: 3px; }
.open button { min-width: 3rem; padding-inline: .25rem; }
input[type="text"], textarea {
  display: block; width: 100%; padding: .5rem; font: inherit; color: inherit;
  background: var(--page); border: 1px solid var(--edge); border-radius: .5rem;
}
kbd { font: .85em ui-monospace, monospace; border: 1px solid var(--edge); border-radius: .25rem; padding: 0 .3em; }
summary { cursor: pointer; padding: .25rem 0; }
@media (hover: none) and (pointer: coarse) { .keys { display: none; } }
@media (min-width: 60rem) {
  .both { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.25rem; align-items: start; }
  .left { position: sticky; top: 3.5rem; }
  .article { max-height: calc(100vh - 7rem); }
}
"""

BODY = """
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>{{ title }}</title>
<style>STYLE</style>
</head>
<body>
<div class="top" id="top" hidden>
<header>
<strong id="where"></strong>
<progress id="progress" max="{{ form["items"] | length }}" value="0" aria-labelledby="done"></progress>
<span class="soft" id="done"></span>
</header>
</div>
<main>
<p class="warn" id="unsaved" role="alert" hidden>This browser keeps nothing: without a download at the end your answers are lost.</p>
<noscript><p class="warn">This form needs JavaScript. It loads and sends nothing.</p></noscript>

<section class="prose" id="start" hidden>
<h1>{{ title }}</h1>
<p>You will see {{ form["items"] | length }} {{ "article" if form["items"] | length == 1 else "articles" }}, each with two summaries, A and B. Read the article and both summaries, then answer three questions with <em>A</em>, <em>equal</em> or <em>B</em>:</p>
<ol>
{% for question in form["questions"] %}
<li><strong>{{ question["title"] }}</strong>: {{ question["text"] }} <span class="soft">{{ question["hint"] }}</span></li>
{% endfor %}
</ol>
<p>Judge each question by itself. Which program wrote A and which wrote B changes at random from article to article.</p>
<p>Answers are kept in this browser only: you may close the page and go on later. At the end, download the answers and send the file to whoever gave you this form.</p>
<form id="enter">
<p><label for="annotator">Your name, or the code you were given</label>
<input type="text" id="annotator" maxlength="100" autocomplete="off" required></p>
<div class="row"><button class="main" id="begin">Start</button></div>
</form>
<p class="soft keys">Keys: <kbd>A</kbd> <kbd>E</kbd> <kbd>B</kbd> answer the marked question, <kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> mark another question, <kbd>N</kbd> and <kbd>P</kbd> go to the next and previous article, <kbd>C</kbd> goes to the comment and <kbd>Esc</kbd> leaves it.</p>
</section>

<section id="item" hidden>
<div class="both">
<div class="left">
<h2 id="heading" tabindex="-1">Article</h2>
<div class="card article" id="scroll" tabindex="0" role="region" aria-labelledby="heading"><p class="text" id="document" dir="auto"></p></div>
</div>
<div>
<h2>Summary A</h2>
<div class="card"><p class="text" id="summary-A" dir="auto"></p></div>
<h2>Summary B</h2>
<div class="card"><p class="text" id="summary-B" dir="auto"></p></div>
<div id="questions">
{% for question in form["questions"] %}
<fieldset id="question-{{ question["name"] }}" aria-describedby="hint-{{ question["name"] }}">
<legend>{{ loop.index }}. {{ question["text"] }}</legend>
<p class="soft" id="hint-{{ question["name"] }}">{{ question["hint"] }}</p>
<div class="choices">
{% for value, label in (("A", "A is better"), ("equal", "Equal"), ("B", "B is better")) %}
<label><input type="radio" name="{{ question["name"] }}" value="{{ value }}"><span>{{ label }}</span></label>
{% endfor %}
</div>
</fieldset>
{% endfor %}
</div>
<p><label class="soft" for="comment">Comment, if you like</label>
<textarea id="comment" rows="2" maxlength="2000"></textarea></p>
<div class="row"><button type="button" id="previous">Back</button><button type="button" class="main" id="next">Next</button></div>
<p class="soft keys"><kbd>A</kbd> <kbd>E</kbd> <kbd>B</kbd> answer, <kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> question, <kbd>N</kbd> next, <kbd>P</kbd> back, <kbd>C</kbd> comment</p>
<div class="row"><button type="button" id="instructions">Instructions</button><button type="button" id="finish">To the end</button></div>
</div>
</div>
</section>

<section class="prose" id="end" hidden>
<h1 id="verdict" tabindex="-1"></h1>
<div id="missing" hidden>
<p>Still open; you may also leave them so:</p>
<div class="row open" id="open"></div>
</div>
<p>Download your answers and send the file to whoever gave you this form.</p>
<div class="row"><button type="button" class="main" id="download">Download answers</button><button type="button" id="back">Back to the articles</button></div>
<details>
<summary>The answers as text, if downloading fails</summary>
<p><label class="soft" for="exported">Copy all of it into a message</label>
<textarea id="exported" rows="6" readonly spellcheck="false"></textarea></p>
</details>
<details>
<summary>Another person on this device</summary>
<p class="soft">Deletes the answers of <span id="who"></span> from this browser. Download them first.</p>
<div class="row"><button type="button" id="clear">Delete and start again</button></div>
</details>
</section>
</main>
<script type="application/json" id="study">{{ form | tojson }}</script>
<script>SCRIPT</script>
</body>
</html>
"""
