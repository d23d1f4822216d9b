// Search by name: hides what does not match. Without it, everything is shown.
const search = document.getElementById("search");
const named = [...document.querySelectorAll("[data-name]")];
const groups = [...document.querySelectorAll("[data-group]")];

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const each of named) {
    each.hidden = !words.every((word) => each.dataset.name.toLowerCase().includes(word));
    if (!each.hidden && each.tagName === "SECTION") found += 1;
  }
  for (const group of groups) group.hidden = !group.querySelector("[data-name]:not([hidden])");
  document.getElementById("found").textContent = words.length ? `${found} found` : "";
}

// A link to a rule that the search hides ends the search.
function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || !target.closest("[hidden]")) return;
  search.value = "";
  show();
  target.scrollIntoView();
}

document.getElementById("find").hidden = false;
search.addEventListener("input", show);
addEventListener("hashchange", follow);
