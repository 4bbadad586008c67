"""What does the form do? The script that shows items, keeps answers and exports them."""

SCRIPT = """
"use strict";
(() => {
const byId = (id) => document.getElementById(id);
const study = JSON.parse(byId("study").textContent);
const { items, questions } = study;
const names = questions.map((question) => question.name);
const shelf = "quals-study-" + study.form;
const views = ["start", "item", "end"];
const choices = { a: "A", e: "equal", b: "B" };
const fresh = () => ({ annotator: "", view: "start", at: 0, answers: {} });
let state = fresh();
let active = 0; // the question that the keys answer

/* What the browser keeps. */

function save() {
  try {
    localStorage.setItem(shelf, JSON.stringify(state));
    byId("unsaved").hidden = true;
  } catch {
    byId("unsaved").hidden = false;
  }
}

function load() {
  state = fresh();
  try {
    const kept = JSON.parse(localStorage.getItem(shelf));
    if (kept === null) return;
    const known = kept.at in items && views.includes(kept.view) && kept.answers instanceof Object;
    if (known && typeof kept.annotator === "string") state = kept;
  } catch {
    /* Nothing kept, or nothing that can be used: a fresh start. */
  }
}

/* Answers. */

const answer = (at) => state.answers[items[at].item] ?? {};
const complete = (at) => names.every((name) => answer(at)[name]);
const done = () => items.filter((_, at) => complete(at)).length;

function put(field, value) {
  state.answers[items[state.at].item] = { ...answer(state.at), [field]: value };
  save();
}

function exported() {
  const answers = [];
  items.forEach(({ item }, at) => {
    if (!state.answers[item]) return;
    const row = { item };
    for (const name of names) row[name] = answer(at)[name] ?? null;
    answers.push({ ...row, comment: answer(at).comment ?? "" });
  });
  return JSON.stringify({ form: study.form, annotator: state.annotator, answers }, null, 2) + "\\n";
}

/* What is shown. */

function show(view, at = state.at) {
  state.view = view;
  state.at = at;
  save();
  const open = names.findIndex((name) => !answer(at)[name]);
  active = Math.max(open, 0);
  render();
  window.scrollTo(0, 0);
  byId("scroll").scrollTop = 0;
  if (view === "item") byId("heading").focus({ preventScroll: true });
  if (view === "end") byId("verdict").focus({ preventScroll: true });
}

function render() {
  for (const view of views) byId(view).hidden = view !== state.view;
  byId("top").hidden = state.view === "start";
  const place = `${state.at + 1} of ${items.length}`;
  byId("where").textContent = state.view === "end" ? "The end" : place;
  ({ start: renderStart, item: renderItem, end: renderEnd })[state.view]();
  renderProgress();
}

function renderProgress() {
  byId("progress").value = done();
  byId("done").textContent = `${done()} complete`;
  questions.forEach(({ name }, at) => {
    byId("question-" + name).classList.toggle("active", at === active);
  });
}

function renderStart() {
  byId("annotator").value = state.annotator;
  byId("begin").textContent = state.annotator ? "Continue" : "Start";
}

function renderItem() {
  fill("document", items[state.at].document);
  fill("summary-A", items[state.at].A);
  fill("summary-B", items[state.at].B);
  for (const input of document.querySelectorAll("#questions input")) {
    input.checked = answer(state.at)[input.name] === input.value;
  }
  byId("comment").value = answer(state.at).comment ?? "";
  byId("previous").disabled = state.at === 0;
  byId("next").textContent = state.at === items.length - 1 ? "Finish" : "Next";
}

function fill(id, text) {
  const blank = text.trim() === "";
  byId(id).textContent = blank ? "(no text)" : text;
  byId(id).classList.toggle("empty", blank);
}

function renderEnd() {
  const open = items.map((_, at) => at).filter((at) => !complete(at));
  byId("verdict").textContent = open.length
    ? `${done()} of ${items.length} articles are complete`
    : "All done, thank you";
  byId("missing").hidden = open.length === 0;
  byId("open").replaceChildren(...open.map((at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = at + 1;
    button.setAttribute("aria-label", `Article ${at + 1}`);
    button.addEventListener("click", () => show("item", at));
    return button;
  }));
  byId("exported").value = exported();
  byId("who").textContent = state.annotator;
}

/* What a reader does. */

const option = (name, value) => document.querySelector(`input[name="${name}"][value="${value}"]`);

function choose(name, value) {
  put(name, value);
  const open = names.findIndex((other) => !answer(state.at)[other]);
  active = open < 0 ? names.indexOf(name) : open;
  renderProgress();
}

function move(step) {
  const at = state.at + step;
  if (at >= items.length) show("end");
  else if (at >= 0) show("item", at);
}

function download() {
  const link = document.createElement("a");
  const who = state.annotator.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 40);
  link.href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  link.download = `answers-${study.form}-${who}.json`;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function press(event) {
  if (state.view !== "item" || event.repeat) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === byId("comment")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (Object.hasOwn(choices, key)) {
    const name = names[active];
    option(name, choices[key]).checked = true;
    choose(name, choices[key]);
  } else if (names[key - 1]) {
    active = key - 1;
    renderProgress();
  } else if (key === "n") move(1);
  else if (key === "p") move(-1);
  else if (key === "c") byId("comment").focus();
  else return;
  event.preventDefault(); // the letter would land in the comment
}

byId("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const annotator = byId("annotator").value.trim();
  byId("annotator").setCustomValidity(annotator ? "" : "Please give a name or code");
  if (!byId("enter").reportValidity()) return;
  state.annotator = annotator;
  show("item");
});
byId("annotator").addEventListener("input", (event) => event.target.setCustomValidity(""));
byId("questions").addEventListener("change", ({ target }) => choose(target.name, target.value));
byId("comment").addEventListener("input", ({ target }) => put("comment", target.value));
byId("previous").addEventListener("click", () => move(-1));
byId("next").addEventListener("click", () => move(1));
byId("instructions").addEventListener("click", () => show("start"));
byId("finish").addEventListener("click", () => show("end"));
byId("back").addEventListener("click", () => show("item"));
byId("download").addEventListener("click", download);
byId("exported").addEventListener("focus", ({ target }) => target.select());
byId("clear").addEventListener("click", () => {
  if (!confirm("Delete all answers from this browser?")) return;
  state = fresh();
  show("start");
});
document.addEventListener("keydown", press);
// Two tabs with the form would overwrite each other's answers.
window.addEventListener("storage", ({ key }) => {
  if (key === shelf || key === null) { load(); render(); }
});

load();
show(state.view);
})();
"""
