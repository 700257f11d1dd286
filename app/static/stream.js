// Talking to the API: one question, answered as a stream.

/** What went wrong, in the server's own words. `status` is 0 when no answer came at all. */
export class AskError extends Error {
  constructor(message, hint, status) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}

/**
 * Ask and call `onText` with each piece of text. Resolves to the id of the recorded answer.
 * Throws AskError, or the AbortError of `signal`.
 */
export async function ask(messages, filter, signal, onText) {
  const response = await request("/v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ model: "ragloop", messages, filter, stream: true }),
    signal,
  });
  let interaction = null;
  for await (const chunk of events(response.body)) {
    if (chunk.error) throw new AskError(chunk.error.message, chunk.error.hint ?? "", 200);
    if (chunk.interaction_id) interaction = chunk.interaction_id;
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) onText(text);
  }
  if (!interaction) throw new AskError("The answer broke off.", "Ask again.", 200);
  return interaction;
}

/** A fragment of a page, as an element that holds it. */
export async function fragment(path, signal) {
  const response = await request(path, { signal, headers: { Accept: "text/html" } });
  const holder = document.createElement("div");
  holder.append(...new DOMParser().parseFromString(await response.text(), "text/html").body.childNodes);
  return holder;
}

/** The response to a request that succeeded. Throws AskError, or the AbortError of `options.signal`. */
export async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, redirect: "manual" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new AskError("The server did not answer.", "Check that it runs, and ask again.", 0);
  }
  // Nothing that is fetched here redirects, but for a page's way to the sign-in form.
  if (response.type === "opaqueredirect") throw new AskError("You are signed out.", "Sign in again.", 401);
  if (!response.ok) throw await explained(response);
  return response;
}

async function explained(response) {
  if (response.status === 401) return new AskError("You are signed out.", "Sign in again.", 401);
  try {
    const { error } = await response.json();
    return new AskError(error.message, error.hint ?? "", response.status);
  } catch {
    return new AskError(`The server answered with status ${response.status}.`, "Ask again.", response.status);
  }
}

/** The JSON of each server-sent event, until [DONE]. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}
