// The list of questions changes in place. Without this script its links and its form load the page anew.

document.addEventListener("click", (event) => {
  const link = event.target.closest("#rows a");
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (new URL(link.href).pathname !== location.pathname) return; // a case
  event.preventDefault();
  show(link.href);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("#rows select")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-rows]")) return;
  event.preventDefault();
  const given = [...new FormData(form)].filter(([, value]) => value);
  show(`${location.pathname}?${new URLSearchParams(given)}#rows`, form.querySelector(":focus")?.name);
});

addEventListener("popstate", () => show(location.href, undefined, false));

async function show(address, focus, remember = true) {
  const list = document.getElementById("rows");
  list.setAttribute("aria-busy", "true");
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "text/html" } });
  } catch {
    location.assign(address); // the browser says what is wrong
    return;
  }
  const loaded = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("rows");
  if (!response.ok || !loaded) {
    location.assign(address);
    return;
  }
  list.replaceWith(loaded);
  if (remember) history.pushState(null, "", address);
  const target = focus ? loaded.querySelector(`[name="${focus}"]`) : loaded.querySelector("h2");
  if (!focus) target.tabIndex = -1;
  target?.focus({ preventScroll: Boolean(focus) });
}
