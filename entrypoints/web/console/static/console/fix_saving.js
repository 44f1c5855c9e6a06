// Saving cells: one after the other, and nothing is checked or sent before all of them are saved.
const form = () => document.querySelector("#cells");
const cellOf = (element) => element?.closest?.("#cells .cell");
const fieldOf = (cell) => cell?.querySelector("[name=value]");
const words = () => form().dataset;
const pending = new Set();
let isWhole = true;
let held = null;
let typed = null;

function tell(text) {
  const said = document.querySelector("#kept > span");
  if (said) said.textContent = text;
}

// A cell is sent alone: the form around it is for browsers without scripts.
document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  if (!form()?.contains(ctx.sourceElement)) return;
  const field = fieldOf(cellOf(ctx.sourceElement));
  ctx.cell = field && { id: field.id, value: field.value };
  pending.add(ctx);
});

// It is its turn now: answers to others may have brought newer cells since.
document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  if (!pending.has(ctx) || !form()) return;
  if (!ctx.cell) {
    ctx.request.body = new URLSearchParams(new FormData(form()));
    ctx.sent = new Map([...form().querySelectorAll("[name=value]")].map((each) => [each.id, each.value]));
    return;
  }
  const { id, value } = ctx.cell;
  const field = document.getElementById(id);
  if (!field) return;
  if (!ctx.sourceElement.isConnected) {
    if (field !== document.activeElement) field.value = value;
    // What somebody else has written into it has come with the answer before: this person decides.
    if (cellOf(field).matches("[data-contested]")) return event.preventDefault();
  }
  ctx.sent = new Map([[id, value]]);
  ctx.request.body.set("at", cellOf(field).querySelector("[name=at]").value);
  ctx.request.body.set("value", value);
});

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (!pending.has(ctx) || ctx.target.isConnected) return;
  const field = ctx.cell && document.getElementById(ctx.cell.id);
  ctx.target = cellOf(field) ?? document.querySelector("#fix") ?? ctx.target;
});

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (pending.has(ctx) && !/<[^>]+(data-cell=|id="fix")/.test(ctx.text)) {
    // Not the page but one about an error: what was written stays where it is.
    event.preventDefault();
    const page = new DOMParser().parseFromString(ctx.text, "text/html");
    failed(ctx, (page.querySelector(".lead") ?? page.querySelector("h1"))?.textContent.trim());
    return;
  }
  const field = document.activeElement;
  typed = cellOf(field) && field.matches("[name=value]") ? { field, sent: ctx.sent?.get(field.id) } : null;
});

// Whoever writes on in a cell whose answer comes keeps the place, and what they wrote.
document.addEventListener("htmx:after:swap", () => {
  const { field: old, sent } = typed ?? {};
  const field = old && document.getElementById(old.id);
  typed = null;
  if (!field || field === old) return;
  field.focus();
  if (old.value !== old.defaultValue && old.value !== sent && old.value !== field.value) {
    field.value = old.value;
    field.dataset.typed = "";
  }
  field.setSelectionRange(old.selectionStart, old.selectionEnd);
});

document.addEventListener("change", ({ target }) => delete target.dataset.typed);

document.addEventListener("focusout", ({ target }) => {
  if (!("typed" in target.dataset)) return;
  delete target.dataset.typed;
  if (target.value !== target.defaultValue) target.dispatchEvent(new Event("change", { bubbles: true }));
});

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (pending.has(ctx)) failed(ctx, words().unreached);
});

function failed(ctx, why) {
  isWhole = false;
  tell(words().unsaved);
  const cell = ctx.cell && cellOf(document.getElementById(ctx.cell.id));
  if (!cell) return tell(`${words().lost} ${why ?? words().unreached}`);
  const said = cell.querySelector("[data-lost]") ?? cell.appendChild(document.createElement("p"));
  said.dataset.lost = "";
  said.id = `lost-${ctx.cell.id}`;
  said.textContent = `${words().lost} ${why ?? words().unreached}`;
  cell.classList.add("bad");
  fieldOf(cell).setAttribute("aria-invalid", "true");
  fieldOf(cell).setAttribute("aria-describedby", said.id);
}

document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (!pending.delete(ctx)) return;
  isWhole &&= ctx.response?.status < 400;
  if (pending.size && held) tell(words().saving);
  if (pending.size) return;
  const button = held, isGood = isWhole;
  held = null;
  isWhole = true;
  if (!button || !form()) return;
  if (isGood) form().requestSubmit(same(button));
  else fieldOf(form().querySelector(".cell.bad"))?.focus();
});

// A button after its page was made anew.
function same(button) {
  if (button.isConnected) return button;
  const address = button.getAttribute("formaction");
  return [...form().elements].find((each) => each.getAttribute("formaction") === address);
}

document.addEventListener("submit", (event) => {
  if (event.target !== form()) return;
  const contested = form().querySelector("[data-contested]");
  if (pending.size) {
    held = event.submitter;
    tell(words().saving);
  } else if (contested) {
    tell(words().unsaved);
    fieldOf(contested).focus();
  } else return;
  event.preventDefault();
});
