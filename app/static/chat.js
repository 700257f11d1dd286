// The conversation. Without this file the form works just the same, one whole page at a time.

import { watchCitations } from "./panel.js";
import { ask, AskError, fragment } from "./stream.js";
import { watchVotes } from "./vote.js";

const MOST_TURNS = 20; // as many as the server keeps: app/pages/chat/page.py
const LONG_QUESTION = 160;
const FILTERS = ["source", "language", "label", "since", "until"];

const form = document.getElementById("composer");
const field = document.getElementById("question");
const turns = document.getElementById("turns");
const status = document.getElementById("status");
const askButton = document.getElementById("ask");
const stopButton = document.getElementById("stop");

const hasKeyboard = window.matchMedia("(hover: hover)").matches;

let running = null;

/** What was said so far, as the API takes it. Answers that did not finish are left out. */
function history() {
  return [...turns.querySelectorAll("article[data-answer]")].slice(-MOST_TURNS).flatMap((turn) => [
    { role: "user", content: turn.dataset.question },
    { role: "assistant", content: turn.dataset.answer },
  ]);
}

/** The filter that is chosen, as the API takes it. */
function only() {
  const chosen = Object.fromEntries([...new FormData(form)].filter(([name, value]) => value && FILTERS.includes(name)));
  const { since = "", until = "", ...filter } = chosen;
  return since || until ? { ...filter, date: `${since}..${until}` } : filter;
}

/** Say beside the closed filter what is chosen in it. */
function showChosen() {
  const values = Object.values(only());
  document.getElementById("chosen").textContent = values.length ? `: ${values.join(", ")}` : "";
}

function addTurn(question) {
  const turn = document.createElement("article");
  turn.className = "turn current"; // as high as the window, so that the question can stand at its top
  turn.dataset.question = question;
  const heading = document.createElement("h2");
  heading.className = question.length > LONG_QUESTION ? "question long" : "question";
  heading.textContent = question;
  heading.dir = "auto";
  turn.append(heading);
  turns.append(turn);
  return turn;
}

async function answer(question) {
  const messages = [...history(), { role: "user", content: question }];
  document.getElementById("welcome")?.remove();
  turns.querySelector(".current")?.classList.remove("current");
  const turn = addTurn(question);
  const writing = document.createElement("div");
  writing.className = "writing";
  writing.dir = "auto";
  turn.append(writing);
  begin();
  turn.scrollIntoView({ block: "start" });
  try {
    const id = await ask(messages, only(), running.signal, (text) => writing.append(text));
    turn.dataset.answer = writing.textContent;
    turn.id = id;
    const loaded = await fragment(`/answers/${id}`);
    writing.replaceWith(...loaded.childNodes);
    remember(id);
    status.textContent = turn.querySelector(".prose").innerText;
  } catch (error) {
    fail(turn, writing, error);
  } finally {
    end();
  }
}

function begin() {
  running = new AbortController();
  askButton.hidden = true;
  stopButton.hidden = false;
  if (!hasKeyboard) field.blur(); // gives the screen keyboard's room to the answer
  status.textContent = "Searching the documents.";
}

function end() {
  running = null;
  askButton.hidden = false;
  stopButton.hidden = true;
  document.getElementById("fresh").hidden = false;
  field.placeholder = "Ask a follow-up";
  if (hasKeyboard) field.focus({ preventScroll: true });
}

/** Put the answer into the form, for the way without scripts, and into the address, so that a reload shows it. */
function remember(id) {
  const hidden = document.createElement("input");
  hidden.type = "hidden";
  hidden.name = "turn";
  hidden.value = id;
  form.querySelector(".composer-box").prepend(hidden);
  const ids = [...turns.querySelectorAll("article[data-answer]")].slice(-MOST_TURNS).map((turn) => turn.id);
  window.history.replaceState(null, "", `/?${ids.map((each) => `turn=${each}`).join("&")}`);
}

function fail(turn, writing, error) {
  writing.className = "prose written";
  delete turn.dataset.answer;
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.append(explanation(error, writing.textContent), document.createElement("br"));
  notice.append(error.status === 401 ? signInLink() : retryButton(turn));
  if (writing.textContent) writing.after(notice);
  else writing.replaceWith(notice);
  status.textContent = notice.firstChild.textContent;
}

function explanation(error, written) {
  if (error instanceof AskError) return `${error.message} ${error.hint}`;
  if (error.name === "AbortError") return written ? "Stopped. What stands above is incomplete and was not checked." : "Stopped.";
  console.error(error);
  return "Something went wrong on this page.";
}

function retryButton(turn) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "retry";
  button.textContent = "Ask again";
  button.addEventListener("click", () => {
    if (running) return;
    turn.remove();
    answer(turn.dataset.question);
  });
  return button;
}

function signInLink() {
  const link = document.createElement("a");
  link.href = "/sign-in";
  link.textContent = "Sign in";
  return link;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = field.value.trim();
  if (!question || running) return;
  field.value = "";
  answer(question);
});

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

stopButton.addEventListener("click", () => running?.abort());

for (const heading of turns.querySelectorAll(".question")) {
  if (heading.textContent.length > LONG_QUESTION) heading.classList.add("long");
}
document.getElementById("keys").hidden = false;
document.getElementById("only")?.addEventListener("change", showChosen);
if (document.getElementById("only")) showChosen(); // browsers keep what was chosen over a reload
watchCitations(turns);
watchVotes(turns);
if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
