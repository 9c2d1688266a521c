// Dialogs that ask before something is done, and lists to choose from. Pages that follow: live.js.
"use strict";

(function () {
  // --- dialogs ----------------------------------------------------------------------------------------
  //
  // <a data-dialog="id" href="…"> opens <dialog id="id">; without scripts the link leads to a page that
  // asks the same.

  function openDialog(event) {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog && typeof dialog.showModal === "function") {
      event.preventDefault();
      dialog.showModal();
    }
  }

  function closeDialog(event) {
    const closer = event.target.closest("[data-close-dialog]");
    if (closer) closer.closest("dialog").close();
    else if (event.target.matches("dialog.hub-dialog")) event.target.close();
  }

  // --- boxes of a list that was refreshed -------------------------------------------------------------
  //
  // Unfold binds its boxes when the page is loaded. Rows that came later (hub:rows) are bound when the first
  // of them is clicked, just before the click reaches it.

  const boundTables = new WeakSet();

  function bindBoxes(event) {
    const box = event.target.closest?.(".action-toggle, input.action-select");
    const table = box?.closest("table");
    const parent = table?.closest(".result-list-wrapper");
    if (!parent || boundTables.has(table) || typeof window.Actions !== "function") return;
    boundTables.add(table);
    window.Actions(parent.querySelectorAll("tr input.action-select"), { parent });
  }

  // --- lists to choose from ---------------------------------------------------------------------------
  //
  // <input data-filters="id"> hides the labels inside #id that do not hold the words typed.

  function filterChoices(event) {
    const input = event.target;
    const list = input.dataset?.filters && document.getElementById(input.dataset.filters);
    if (!list) return;
    const words = input.value.toLocaleLowerCase().split(/\s+/);
    let isNoneShown = true;
    list.querySelectorAll("label").forEach((label) => {
      const text = label.textContent.toLocaleLowerCase();
      label.hidden = !words.every((word) => text.includes(word));
      isNoneShown &&= label.hidden;
    });
    input.parentElement.querySelector("[data-filter-empty]").hidden = !isNoneShown;
  }

  // --- rows that fill themselves ----------------------------------------------------------------------
  //
  // <tbody data-failed="words"> has rows that htmx asks for. An error, or the sign-in page in place of a row,
  // is told in the row.

  function tellFailure(event) {
    const row = event.target.closest?.("tbody[data-failed] > tr");
    const { xhr } = event.detail;
    if (!row || !xhr) return;
    const isRow = xhr.status === 200 && new URL(xhr.responseURL).pathname === row.getAttribute("hx-post");
    if (isRow) return;
    event.detail.shouldSwap = false;
    row.lastElementChild.textContent = row.parentElement.dataset.failed;
  }

  // --- what is shown once -----------------------------------------------------------------------------
  //
  // A page with <form data-warn-before-leaving> is left without a question by that form alone.

  function warnBeforeLeaving(form) {
    const ask = (event) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    form.addEventListener("submit", () => window.removeEventListener("beforeunload", ask));
  }

  // Before it makes the first: it calls every one of them "scrollable content", whatever the language.
  function nameScrollers() {
    const named = document.querySelector("[data-scroll-label]");
    if (named && window.SimpleBar) window.SimpleBar.defaultOptions.ariaLabel = named.dataset.scrollLabel;
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameScrollers();
    const loaded = document.querySelector("tr input.action-select")?.closest("table");
    if (loaded) boundTables.add(loaded);
    document.querySelectorAll("form[data-warn-before-leaving]").forEach(warnBeforeLeaving);
    document.addEventListener("click", bindBoxes, true);
    document.addEventListener("input", filterChoices);
    document.addEventListener("hub:rows", (event) => boundTables.delete(event.target));
    document.addEventListener("click", openDialog);
    document.addEventListener("click", closeDialog);
    document.addEventListener("click", (event) => event.target.closest("[data-print]") && window.print());
    for (const name of ["htmx:beforeSwap", "htmx:sendError"]) document.addEventListener(name, tellFailure);
  });
})();
