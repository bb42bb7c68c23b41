// Keeps the rows of a table in step with a list: what stays is not made anew, so that nobody clicks
// beside a button that moved away, and what has the focus keeps it.

/** Each row has a ``key``, ``cells`` of text, and perhaps a ``button``. */
export function showRows(body, rows) {
  const focused = document.activeElement;
  const shown = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const wanted = new Set(rows.map(({ key }) => key));
  for (const [key, row] of shown) if (!wanted.has(key)) row.remove();
  rows.forEach((row, index) => {
    const made = shown.get(row.key) ?? newRow(body, row);
    fill(made, row);
    if (body.rows[index] !== made) body.insertBefore(made, body.rows[index] ?? null);
  });
  if (body.contains(focused)) focused.focus(); // a row that is moved loses it
}

function newRow(body, { key }) {
  const row = document.createElement("tr");
  row.dataset.key = key;
  for (const { className, textContent } of body.parentElement.tHead.rows[0].cells) {
    const cell = row.insertCell();
    cell.className = className;
    cell.dataset.label = textContent; // shown where there is no room for the head
  }
  return row;
}

function fill(row, { cells, button }) {
  cells.forEach((text, index) => {
    const cell = row.cells[index];
    if (cell.textContent !== text) cell.textContent = text;
  });
  if (button) fillButton(row.cells[cells.length], button);
}

function fillButton(cell, { host, pauses, words }) {
  const made = cell.firstElementChild ?? cell.appendChild(newButton());
  if (made.textContent !== words) made.textContent = words;
  made.setAttribute("aria-label", `${words} ${host}`);
  Object.assign(made.dataset, { host, pauses });
}

function newButton() {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "link";
  return made;
}
