// Pages that show what arrives, dialogs that ask before something is done, and lists to choose from.
"use strict";

(function () {
  const LOOK_MS = 1000;
  const EVERY_LOOKS = 5;
  const ANSWER_LOOKS = 8; // no answer for so long is told
  const ANSWER_MS = 20000;

  // --- pages that keep themselves fresh ------------------------------------------------------------
  //
  // <label data-live="name" data-live-target="#id, #other"> holds a checkbox. While it is ticked and the page
  // is in front, the same address is fetched again and the content of the targets replaced. With
  // data-live-reload the whole page is loaded again, because its rows carry listeners of their own.
  // Whatever keeps it from being fresh is written beside the box: off, paused and why, no connection and
  // since when, signed out and the way back.

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

  // Why the page must not change under a person's hands; nothing: it may.
  function whyPaused(targets) {
    if (document.querySelector("input.action-select:checked")) return "ticked";
    const selection = window.getSelection();
    const isSelecting = selection && !selection.isCollapsed;
    const editable = "textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])";
    const isEditing = document.activeElement?.matches(editable);
    const isBusy = targets.some(
      (target) =>
        (isSelecting && target.contains(selection.anchorNode)) || (isEditing && target.contains(document.activeElement))
    );
    return isBusy || document.querySelector("dialog[open]") ? "busy" : "";
  }

  // How to find the element that has the focus once its surroundings are replaced.
  function placeOf(element) {
    if (element.id) return "#" + CSS.escape(element.id);
    const names = ["href", "name", "value", "type", "data-dialog"].filter((one) => element.hasAttribute(one));
    const parts = names.map((one) => `[${one}="${CSS.escape(element.getAttribute(one))}"]`);
    return parts.length ? element.localName + parts.join("") : "";
  }

  function replace(target, fresh) {
    markNews(target, fresh);
    const scrolled = scrollerOf(target)?.scrollLeft;
    const focused = target.contains(document.activeElement) ? placeOf(document.activeElement) : "";
    target.replaceChildren(...fresh.childNodes);
    // A frame later: the new table first gets its scrollbar, which moves it.
    requestAnimationFrame(() => {
      if (scrolled) scrollerOf(target)?.scrollTo(scrolled, 0);
      const isFree = document.activeElement === document.body;
      if (focused && isFree) target.querySelector(focused)?.focus({ preventScroll: true });
    });
  }

  function clockNow() {
    return new Date().toLocaleTimeString(document.documentElement.lang, { hourCycle: "h23" });
  }

  class SignedOut extends Error {}

  // The same page as it is now.
  async function fetchPage(loginPath) {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(window.location.href, { credentials: "same-origin", signal });
    if (answer.redirected && new URL(answer.url).pathname === loginPath) throw new SignedOut();
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  function start(label) {
    const { live, liveTarget, liveLogin, liveOff, liveTicked, liveBusy, liveLost } = label.dataset;
    const box = label.querySelector("input");
    const note = label.querySelector(".hub-live-note");
    const way = label.querySelector(".hub-live-login");
    const memory = "hub-live-" + live;
    const remembered = localStorage.getItem(memory);
    box.checked = remembered === null ? box.checked : remembered === "1";
    let lastNews = clockNow();
    let failure = ""; // lost or out, as the last try ended
    let looksSinceTry = 0;
    let isFetching = false;

    const targets = () => [...document.querySelectorAll(liveTarget)];

    function state() {
      if (!box.checked) return ["off", liveOff];
      const why = whyPaused(targets());
      if (why) return ["paused", why === "ticked" ? liveTicked : liveBusy];
      if (failure === "out") return ["out", ""];
      const isSlow = isFetching && looksSinceTry >= ANSWER_LOOKS;
      return failure || isSlow ? ["lost", `${liveLost} ${lastNews}`] : ["on", lastNews];
    }

    function show() {
      const [name, words] = state();
      label.dataset.state = name;
      // The clock of good news is not read out every few seconds.
      note.setAttribute("aria-live", name === "on" ? "off" : "polite");
      if (note.textContent !== words) note.textContent = words;
      way.hidden = name !== "out";
      return name;
    }

    async function refresh() {
      looksSinceTry = 0;
      isFetching = true;
      try {
        const page = await fetchPage(liveLogin);
        const found = targets();
        const fresh = found.map((target) => page.getElementById(target.id));
        if (!found.length || fresh.includes(null)) throw new Error("not the same page");
        failure = "";
        lastNews = clockNow();
        if (!box.checked || whyPaused(found)) return;
        if ("liveReload" in label.dataset) window.location.reload();
        else found.forEach((target, index) => replace(target, fresh[index]));
      } catch (error) {
        failure = error instanceof SignedOut ? "out" : "lost";
      } finally {
        isFetching = false;
        show();
      }
    }

    function look({ atOnce = false } = {}) {
      looksSinceTry += 1;
      const name = show();
      const isDue = atOnce || looksSinceTry >= EVERY_LOOKS;
      if (isDue && !isFetching && !document.hidden && name !== "off" && name !== "paused") refresh();
    }

    box.addEventListener("change", () => {
      localStorage.setItem(memory, box.checked ? "1" : "0");
      look({ atOnce: true });
    });
    way.href = `${liveLogin}?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
    document.addEventListener("visibilitychange", () => look({ atOnce: true }));
    document.addEventListener("change", (event) => {
      // A frame later: Unfold ticks the others of "select all" in a listener of its own.
      if (event.target.matches?.("input.action-select, .action-toggle")) requestAnimationFrame(() => look());
    });
    show();
    window.setInterval(look, LOOK_MS);
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
