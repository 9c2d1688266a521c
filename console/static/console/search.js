// The search box of the frame: results appear below it as one types; arrows, Enter and Esc lead through them.
"use strict";

{
  const form = document.querySelector("form.search");
  const box = form.querySelector("input");
  const found = document.getElementById("search-found");
  const links = () => [...found.querySelectorAll("a[data-found]")];

  const hide = () => (found.hidden = true);
  // What was asked before the box was emptied may be answered after it.
  const show = () => {
    found.hidden = !box.value.trim() || !found.textContent.trim() || !form.contains(document.activeElement);
    // The results are wider than the box, which may stand at the edge.
    const room = document.documentElement.clientWidth - 10 - form.getBoundingClientRect().left;
    found.style.left = `${Math.min(0, room - found.offsetWidth)}px`;
  };

  function move(by) {
    const places = [box, ...links()];
    const next = places[Math.max(0, Math.min(places.length - 1, places.indexOf(document.activeElement) + by))];
    next.focus();
  }

  const KEYS = {
    ArrowDown: () => (found.hidden ? show() : move(1)),
    ArrowUp: () => move(-1),
    Escape: () => {
      if (found.hidden) return false;
      box.focus();
      hide();
      return true;
    },
  };

  form.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key];
    const isTaken = act && act() !== false;
    if (isTaken) event.preventDefault();
    // The board has the same keys for its cards.
    if (isTaken || event.key === "Escape" || found.contains(event.target)) event.stopPropagation();
  });
  box.addEventListener("input", () => box.value.trim() || hide());
  box.addEventListener("focus", show);
  form.addEventListener("focusout", (event) => event.relatedTarget && !form.contains(event.relatedTarget) && hide());
  document.addEventListener("click", (event) => {
    if (!form.contains(event.target) || event.target.closest("a[data-found]")) hide();
  });
  box.addEventListener("htmx:afterSwap", show);
  found.addEventListener("htmx:afterSwap", show);

  for (const kind of ["htmx:responseError", "htmx:sendError"]) {
    box.addEventListener(kind, (event) => {
      // Signed out meanwhile: the page of the search leads to the sign-in and back.
      if (event.detail.xhr.status === 401) form.requestSubmit();
      found.textContent = form.dataset.noAnswer;
      show();
    });
  }
}
