// Times in the viewer's own zone; UTC stays on hover. Pages work without it.
const language = document.documentElement.lang;
// Their own variant of the page's language, if their browser names one: pt-PT, en-US.
const locale = navigator.languages.find((each) => each.split("-")[0] === language) ?? language;
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

function localize(root) {
  for (const each of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const moment = new Date(each.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      each.textContent = day.format(moment);
      each.dataset.local = "";
    }
  }
}

localize(document);
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (node instanceof Element) localize(node.parentNode ?? node);
    }
  }
}).observe(document.body, { childList: true, subtree: true });
