// Pages that show what arrives, dialogs that ask before something is done, and lists to choose from.
"use strict";

(function () {
  const EVERY_MS = 5000;

  // --- pages that keep themselves fresh ------------------------------------------------------------
  //
  // <label data-live="name" data-live-target="#id, #other"> holds a checkbox. While it is ticked and the page
  // is in front, the same address is fetched again and the content of the targets replaced. With
  // data-live-reload the whole page is loaded again, because its rows carry listeners of their own.

  function rowKey(row) {
    const link = row.querySelector("a[href]");
    return link ? link.getAttribute("href") : "";
  }

  function markNews(before, after) {
    const known = new Map();
    before.querySelectorAll("tr[data-key], tbody > tr.data-row").forEach((row) => {
      known.set(rowKey(row), row.dataset.mark || markOf(row));
    });
    if (!known.size) return;
    after.querySelectorAll("tr[data-key], tbody > tr.data-row").forEach((row) => {
      const key = rowKey(row);
      if (!known.has(key)) row.classList.add("hub-new");
      else if (known.get(key) !== markOf(row)) row.classList.add("hub-changed");
    });
  }

  // What counts as a change: the status badge. Ages and delays change by themselves.
  function markOf(row) {
    const badge = row.querySelector("[data-mark]");
    return badge ? badge.dataset.mark : "";
  }

  function scrollerOf(target) {
    return target.querySelector(".simplebar-content-wrapper");
  }

  function isBusy(target) {
    const selection = window.getSelection();
    const selecting = selection && !selection.isCollapsed && target.contains(selection.anchorNode);
    const inside = target.contains(document.activeElement) && document.activeElement !== document.body;
    return selecting || inside || document.querySelector("input.action-select:checked, dialog[open]");
  }

  function start(label) {
    const box = label.querySelector("input");
    const note = label.querySelector(".hub-live-note");
    const selector = label.dataset.liveTarget;
    const memory = "hub-live-" + label.dataset.live;
    const remembered = localStorage.getItem(memory);
    box.checked = remembered === null ? box.checked : remembered === "1";
    let isFetching = false;

    function show(state) {
      label.dataset.state = state;
      if (state === "on") note.textContent = new Date().toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
      else note.textContent = state === "lost" ? label.dataset.liveLost : "";
    }

    async function refresh() {
      const targets = [...document.querySelectorAll(selector)];
      if (!box.checked || isFetching || document.hidden || targets.some(isBusy)) return;
      if ("liveReload" in label.dataset) {
        window.location.reload();
        return;
      }
      isFetching = true;
      try {
        const answer = await fetch(window.location.href, { credentials: "same-origin", redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = targets.map((target) => page.getElementById(target.id));
        if (!targets.length || fresh.includes(null)) throw new Error("not the same page");
        if (targets.some(isBusy)) return;
        targets.forEach((target, index) => {
          markNews(target, fresh[index]);
          const scrolled = scrollerOf(target)?.scrollLeft;
          target.replaceChildren(...fresh[index].childNodes);
          // A frame later: the new table first gets its scrollbar.
          if (scrolled) requestAnimationFrame(() => scrollerOf(target)?.scrollTo(scrolled, 0));
        });
        show("on");
      } catch (error) {
        show("lost");
      } finally {
        isFetching = false;
      }
    }

    box.addEventListener("change", () => {
      localStorage.setItem(memory, box.checked ? "1" : "0");
      show(box.checked ? "on" : "off");
      refresh();
    });
    document.addEventListener("visibilitychange", refresh);
    show(box.checked ? "on" : "off");
    window.setInterval(refresh, EVERY_MS);
  }

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
  // Unfold binds its boxes when the page is loaded. Rows that came later are bound when the first of them
  // is clicked, just before the click reaches it.

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

  // Before it makes the first: it calls every one of them "scrollable content", whatever the language.
  function nameScrollers() {
    const named = document.querySelector("[data-scroll-label]");
    if (named && window.SimpleBar) window.SimpleBar.defaultOptions.ariaLabel = named.dataset.scrollLabel;
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameScrollers();
    const loaded = document.querySelector("tr input.action-select")?.closest("table");
    if (loaded) boundTables.add(loaded);
    document.addEventListener("click", bindBoxes, true);
    document.addEventListener("input", filterChoices);
    document.querySelectorAll("[data-live]").forEach(start);
    document.addEventListener("click", openDialog);
    document.addEventListener("click", closeDialog);
  });
})();
