// The document beside the conversation. A plain click on a citation opens it here; any other click follows the link.

import { fragment } from "./stream.js";

const dialog = document.getElementById("panel");
const content = document.getElementById("panel-content");
const pageLink = document.getElementById("panel-page");

export function watchCitations(root) {
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a.cite, a.source");
    if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(link);
  });
  document.getElementById("panel-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
}

async function open(link) {
  const url = new URL(link.href);
  url.searchParams.set("view", "panel");
  try {
    const loaded = await fragment(url.pathname + url.search);
    content.replaceChildren(...loaded.childNodes);
  } catch (error) {
    content.replaceChildren(paragraph(error.message), paragraph(error.hint ?? ""));
  }
  pageLink.href = link.href;
  if (!dialog.open) dialog.showModal(); // keeps focus inside, closes on Escape, and gives the focus back to the link
  dialog.scrollTop = 0;
  content.querySelector("#quote")?.scrollIntoView({ block: "center" });
}

function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}
