// Of the report's file: tables sort by a click on their heads, and paper shows what is folded away.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, head, column));
  }
}

function sort(table, head, column) {
  const up = head.getAttribute("aria-sort") !== "ascending";
  const value = (row) => {
    const text = row.cells[column].dataset.value;
    return text === "" ? Infinity : Number(text);
  };
  const rows = [...table.tBodies[0].rows].sort((one, other) => (up ? 1 : -1) * (value(one) - value(other) || 0));
  table.tBodies[0].append(...rows);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
}

addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
