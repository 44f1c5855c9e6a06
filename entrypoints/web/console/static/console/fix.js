// Fixing rows: the keyboard, and what is pasted from a spreadsheet. Pages work without it.
const fields = () => [...document.querySelectorAll("#cells .cell [name=value]")];
const cellOf = (element) => element?.closest?.("[data-cell]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("input[name=value]")) return;
  event.preventDefault();
  const all = fields();
  const next = all[all.indexOf(event.target) + (event.shiftKey ? -1 : 1)];
  if (next) next.focus();
  else event.target.blur();
});

// What a spreadsheet copies: tabs between cells, and quotes around what holds tabs or line ends.
function cellsOf(text) {
  const rows = [[]];
  const pattern = /(?:"((?:[^"]|"")*)"|([^\t\r\n]*))(\t|\r\n|\n|\r|$)/gy;
  for (let found; (found = pattern.exec(text)); ) {
    rows.at(-1).push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] === "") return rows;
    if (found[3] !== "\t") {
      if (pattern.lastIndex === text.length) return rows;
      rows.push([]);
    }
  }
  return text.split(/\r\n|\n|\r/).map((line) => line.split("\t"));
}

// One column goes down the cells of its column; several go along the cells of each row.
function targets(start, rows) {
  const all = fields();
  const after = all.slice(all.indexOf(start));
  if (rows.every((row) => row.length === 1)) {
    const name = cellOf(start).dataset.cell;
    return after.filter((field) => cellOf(field).dataset.cell === name).map((field) => [field]);
  }
  const found = new Map();
  for (const field of after) {
    const row = field.closest("tr");
    found.set(row, [...(found.get(row) ?? []), field]);
  }
  return [...found.values()];
}

document.addEventListener("paste", (event) => {
  if (!event.target.matches?.("#cells [name=value]")) return;
  const text = event.clipboardData.getData("text/plain").replace(/(\r\n|\n|\r)$/, "");
  if (!/[\t\n\r]/.test(text)) return;
  event.preventDefault();
  const rows = cellsOf(text);
  const places = targets(event.target, rows);
  rows.forEach((row, at) => row.forEach((value, along) => {
    const field = places[at]?.[along];
    if (field) field.value = value;
  }));
  document.querySelector("#save").click();
});
