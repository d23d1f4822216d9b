// What a page adds for a reader with a pointer, a finger or a keyboard. Without it, all is still there.

// Places of a figure that tell their numbers: by pointer, by tap, and by focus. One place of each figure
// is reached by Tab, the others from there by the arrow keys.
const telling = document.createElement("div");
telling.id = "telling";
telling.setAttribute("aria-hidden", "true");
document.body.append(telling);

function tell(place) {
  telling.textContent = place ? place.getAttribute("aria-label") : "";
  if (!place) return;
  const box = place.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = telling;
  const left = Math.min(Math.max(box.left + box.width / 2 - width / 2, 4), innerWidth - width - 4);
  telling.style.left = `${left}px`;
  telling.style.top = `${Math.max(box.top > height + 8 ? box.top - height - 6 : box.top + 12, 4)}px`;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function middle(place) {
  const box = place.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}

// The nearest place in the direction of an arrow; what lies aside counts as further.
function next(place, places, [right, down]) {
  const [x, y] = middle(place);
  let found = null;
  let least = Infinity;
  for (const other of places) {
    const [otherX, otherY] = middle(other);
    const ahead = (otherX - x) * right + (otherY - y) * down;
    const aside = Math.abs((otherX - x) * down) + Math.abs((otherY - y) * right);
    const distance = ahead + 3 * aside;
    if (ahead > 1 && distance < least) [found, least] = [other, distance];
  }
  return found;
}

for (const figure of document.querySelectorAll("figure svg")) {
  const places = [...figure.querySelectorAll(".told")];
  for (const place of places) {
    // The browser's own way to show a title would cover ours.
    const title = place.querySelector("title");
    place.setAttribute("aria-label", title.textContent);
    title.remove();
    place.setAttribute("role", "img");
    place.setAttribute("tabindex", place === places[0] ? "0" : "-1");
    place.addEventListener("pointerenter", () => tell(place));
    place.addEventListener("pointerleave", () => tell(null));
    place.addEventListener("click", () => place.focus({ preventScroll: true }));
    place.addEventListener("focus", () => {
      for (const other of places) other.setAttribute("tabindex", other === place ? "0" : "-1");
      tell(place);
    });
    place.addEventListener("blur", () => tell(null));
    place.addEventListener("keydown", (event) => {
      if (event.key === "Escape") tell(null);
      const to = ARROWS[event.key] && next(place, places, ARROWS[event.key]);
      if (ARROWS[event.key]) event.preventDefault();
      if (to) to.focus();
    });
  }
}
addEventListener("scroll", () => tell(null), { passive: true });

// What scrolls within itself is reached by the keyboard, and fades where it goes on.
function edge(box) {
  const hidden = box.scrollWidth - box.clientWidth;
  if (hidden > 0) box.tabIndex = 0;
  box.classList.toggle("more", hidden - box.scrollLeft > 1);
}
// Also when it is shown: many are closed at first.
const sizes = new ResizeObserver((changed) => changed.forEach((each) => edge(each.target)));
for (const box of document.querySelectorAll(".scroll, pre")) {
  edge(box);
  sizes.observe(box);
  box.addEventListener("scroll", () => edge(box), { passive: true });
}

// The ledger of the front page: shown by verdict, source and words, sorted by effect; the choice is in
// the address.
const form = document.querySelector("form.ledger");
if (form) {
  const table = form.nextElementSibling.querySelector("table");
  const claims = [...table.querySelectorAll("tbody[data-verdict]")];
  const fields = [...form.elements].filter((field) => field.name);

  function show() {
    const { verdict, source, text, sort } = form.elements;
    const words = text.value.toLowerCase().split(" ");
    let count = 0;
    for (const claim of claims) {
      const { verdict: its, source: whose } = claim.dataset;
      const said = claim.textContent.toLowerCase();
      claim.hidden =
        (verdict.value && its !== verdict.value) ||
        (source.value && whose !== source.value) ||
        !words.every((word) => said.includes(word));
      count += !claim.hidden;
    }
    const size = (claim) => Number(claim.dataset.effect || -1);
    const order = sort.value ? [...claims].sort((a, b) => size(b) - size(a)) : claims;
    table.append(...order);
    form.querySelector("output").textContent = `${count} of ${claims.length} claims`;
  }

  const given = new URLSearchParams(location.search);
  for (const field of fields) field.value = given.get(field.name) || "";
  for (const field of fields) if (field.selectedIndex === -1) field.value = "";
  form.hidden = false;
  show();
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    show();
    const chosen = new URLSearchParams();
    for (const field of fields) if (field.value) chosen.set(field.name, field.value);
    history.replaceState(null, "", `?${chosen}#ledger`);
  });
  // A link to a claim shows it, whatever was chosen.
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target || !target.closest("tbody[hidden]")) return;
    form.reset();
    show();
    target.scrollIntoView();
  });
}
