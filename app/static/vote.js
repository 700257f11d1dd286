// Voting on answers. A vote is kept in the tab until the server has said that it is stored, so that neither a lost
// connection nor a reload loses it; its key makes sure that it is stored once. Without this file the forms work as well.

import { AskError, request } from "./stream.js";

const KEPT = "ragloop-votes"; // in sessionStorage: what is waiting, as pairs
const PAUSES = [1, 2, 4, 8, 15]; // seconds between attempts; then a person is asked

const waiting = new Map(); // by answer: the vote that was not acknowledged yet
const delivering = new Set();
let leaving = false; // the next page may be written already, without the vote that is acknowledged only now

export function watchVotes(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form.vote")) return;
    event.preventDefault();
    if (event.submitter?.matches(".send-vote")) sendDetails(form);
    else if (event.submitter?.value) press(form, event.submitter.value); // else Enter in a field
  });
  root.addEventListener("change", (event) => {
    const form = event.target.form;
    if (!event.target.name?.startsWith("citation-") || !form?.matches("form.vote")) return;
    const vote = pressed(form);
    if (vote) record(form, vote);
    else askForVote(form, event.target.value);
  });
  for (const form of root.querySelectorAll("form.vote")) {
    const said = form.querySelector('[name="reason"]:checked, textarea:not(:placeholder-shown)');
    if (said) details(form).hidden = true; // a thumb down opens them again
  }
  restore();
  addEventListener("online", deliverAll);
  addEventListener("beforeunload", () => (leaving = true));
  addEventListener("pageshow", () => (leaving = false));
  deliverAll();
}

/** A vote on a source goes along with one on the answer, which is not there yet. */
function askForVote(form, value) {
  if (value === "down") {
    details(form).hidden = false;
    form.querySelector('[value="bad_citation"]').checked ||= !form.querySelector('[name="reason"]:checked');
    say(form, "Send it below, or vote on the answer.");
  } else {
    say(form, "Vote on the answer too, and it is sent.");
  }
}

/** A thumb. One that is pressed already only shows or hides the form below it. */
function press(form, vote) {
  if (pressed(form) === vote) {
    details(form).hidden = vote === "up" || !details(form).hidden;
    deliver(form.dataset.voteOn); // in case it was given up
    return;
  }
  details(form).hidden = vote === "up";
  details(form).scrollIntoView({ block: "nearest" });
  record(form, vote);
}

function sendDetails(form) {
  details(form).hidden = true;
  form.querySelector('.thumb[value="down"]').focus();
  record(form, "down");
}

function record(form, vote) {
  const id = form.dataset.voteOn;
  keep(id, { key: newKey(), body: bodyOf(form, id, vote) });
  mark(form, vote);
  deliver(id);
}

function bodyOf(form, id, vote) {
  const fields = new FormData(form); // with the votes on sources, which stand elsewhere
  const citations = [...fields]
    .filter(([name]) => name.startsWith("citation-"))
    .map(([name, value]) => ({ marker: Number(name.slice("citation-".length)), vote: value }));
  const body = { interaction_id: id, vote, comment: fields.get("comment"), citations };
  if (vote === "down") Object.assign(body, { reason: fields.get("reason"), correction: fields.get("correction") });
  return body;
}

/** Send what waits for an answer until it is acknowledged or refused; the newest vote, one at a time. */
async function deliver(id) {
  if (delivering.has(id)) return;
  delivering.add(id);
  try {
    let tries = 0;
    for (let vote = waiting.get(id); vote; vote = waiting.get(id)) {
      const form = document.getElementById(`vote-${id}`);
      say(form, tries ? "Trying again …" : "Sending …");
      const error = await send(vote);
      const newest = waiting.get(id)?.key === vote.key;
      if (!error || (isFinal(error) && newest)) {
        if (newest) drop(id);
        settle(form, vote, error);
        tries = 0;
      } else if (newest) {
        if (error.status === 401 || tries === PAUSES.length) return giveUp(form, id, error);
        say(form, "Not stored yet. Trying again …");
        await pause(PAUSES[tries]);
        tries += 1;
      }
    }
  } finally {
    delivering.delete(id);
  }
}

/** What went wrong; nothing if the vote is on the server's disk. */
async function send({ key, body }) {
  try {
    await request("/v1/feedback", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify(body),
      keepalive: true, // goes on when the page is left
    });
    return null;
  } catch (error) {
    return error instanceof AskError ? error : new AskError(String(error), "", 0);
  }
}

/** Whether sending the same again would be refused again. */
function isFinal(error) {
  return error.status >= 400 && error.status < 500 && error.status !== 401;
}

function settle(form, vote, error) {
  if (!form) return;
  if (error) {
    mark(form, form.dataset.voted);
    details(form).hidden = vote.body.vote === "up"; // what was typed can be put right
    say(form, `Not stored: ${error.message} ${error.hint}`, true);
  } else {
    form.dataset.voted = vote.body.vote;
    say(form, "Thank you, noted.");
  }
}

function giveUp(form, id, error) {
  if (!form) return;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "retry";
  again.textContent = "Try again";
  again.addEventListener("click", () => deliver(id));
  const why = error.status === 401 ? "You are signed out." : "The server cannot be reached, or cannot store it now.";
  say(form, `Not stored: ${why} `, true);
  if (error.status !== 401) form.querySelector(".vote-status").append(again);
}

function details(form) {
  return form.querySelector(".vote-more");
}

function pressed(form) {
  return form.querySelector('.thumb[aria-pressed="true"]')?.value;
}

function mark(form, vote) {
  for (const thumb of form.querySelectorAll(".thumb")) thumb.setAttribute("aria-pressed", thumb.value === vote);
}

function say(form, text, failed = false) {
  const status = form?.querySelector(".vote-status");
  if (!status) return;
  status.textContent = text;
  status.classList.toggle("failed", failed);
}

function deliverAll() {
  for (const id of waiting.keys()) deliver(id);
}

function keep(id, vote) {
  waiting.set(id, vote);
  save();
}

/** What is acknowledged while the page is left stays kept: the next page sends it again, and shows it. */
function drop(id) {
  waiting.delete(id);
  if (!leaving) save();
}

/** Where the browser keeps nothing for pages, votes wait as long as the page is open. */
function save() {
  try {
    if (waiting.size) sessionStorage.setItem(KEPT, JSON.stringify([...waiting]));
    else sessionStorage.removeItem(KEPT);
  } catch (error) {
    console.warn(error);
  }
}

function restore() {
  try {
    for (const [id, vote] of JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) {
      waiting.set(id, vote);
      const form = document.getElementById(`vote-${id}`);
      if (form) mark(form, vote.body.vote);
    }
  } catch (error) {
    console.warn(error);
  }
}

/** Not crypto.randomUUID, which pages that come over plain HTTP do not have. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(seconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });
}
