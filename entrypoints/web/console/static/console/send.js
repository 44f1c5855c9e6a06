// Sending a file: what is too large is said before it is sent, and how far it is while it is.
const form = document.querySelector("#send");
const input = form.querySelector("#id_file");
const way = form.querySelector("#way");
const bar = way.querySelector("progress");

input.addEventListener("change", () => {
  const isTooLarge = (input.files[0]?.size ?? 0) > Number(input.dataset.most) * 1024 ** 2;
  form.querySelector("#too_large").hidden = !isTooLarge;
  form.querySelector("button").disabled = isTooLarge;
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  way.hidden = false;
  request.upload.addEventListener("progress", (at) => {
    if (at.lengthComputable) bar.value = at.loaded / at.total;
  });
  request.addEventListener("load", () => {
    if (request.status < 400) location.assign(request.responseURL);
    else {
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      document.querySelector("#main").replaceChildren(...page.querySelector("#main").childNodes);
    }
  });
  request.addEventListener("error", () => form.submit());
  request.open("POST", form.action);
  request.send(new FormData(form));
});
