// Says on the page what the browser tells its log alone: that no passkey was used.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  document.getElementById("passkey_failed").hidden = false;
});
