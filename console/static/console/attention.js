// The attention list, and items of it in the panel of an order: acts whose outcome is read in place.
"use strict";

{
  const DONE_STAYS_MS = 6000;
  const list = () => document.querySelector("[data-items]");
  const items = () => all("[data-items] > .attention-item");

  // --- acts ------------------------------------------------------------------------------------------

  const noAnswer = (item) => item.closest(".panel")?.dataset.noAnswer || texts.no_answer;
  const refused = (item) => item.closest(".panel")?.dataset.refused || texts.refused;

  function say(item, words) {
    const problem = item.querySelector("[data-problem]");
    problem.textContent = words;
    problem.hidden = false;
    // A button that is disabled while it asks loses the focus.
    if (document.activeElement === body || item.contains(document.activeElement)) item.focus({ preventScroll: true });
  }

  // Notes that were begun when another button of their item was pressed, by the id of the item.
  const notes = new Map();

  function keepNote(item) {
    const words = item.querySelector("textarea")?.value;
    if (words?.trim()) notes.set(item.id, words);
  }

  function giveNoteBack(item) {
    const words = notes.get(item.id);
    notes.delete(item.id);
    const note = item.dataset.done !== "resolve" && item.querySelector("textarea");
    if (!words || !note) return;
    note.value = words;
    note.closest(".act-body").previousElementSibling.open = true;
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, xhr, serverResponse } = event.detail;
    if (!target.matches(".attention-item")) return;
    // A refusal is an answer like any other. What is no item is the page of the sign-in, or an error.
    const isItem = serverResponse.includes('class="attention-item');
    event.detail.shouldSwap = isItem;
    event.detail.isError = !isItem && xhr.status >= 400;
    if (isItem) keepNote(target);
    else say(target, xhr.status >= 500 ? noAnswer(target) : refused(target));
  });
  for (const failure of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      const item = event.target.closest?.(".attention-item");
      if (item) say(item, noAnswer(item));
    });
  }
  document.addEventListener("htmx:afterRequest", (event) => showNeeding(event.detail.xhr?.getResponseHeader(NEEDING_HEADER)));
  document.addEventListener("htmx:afterSettle", (event) => {
    const item = event.target.closest?.(".attention-item");
    if (!item) return;
    if ("done" in item.dataset) item.dataset.doneAt = String(Date.now());
    showAges();
    showClock();
    item.focus({ preventScroll: true });
    giveNoteBack(item);
    if (isLive) ask();
  });

  // One thing at a time is filled in.
  document.addEventListener(
    "toggle",
    (event) => {
      if (!event.target.matches?.(".act:has(+ .act-body)") || !event.target.open) return;
      all(".act[open]:has(+ .act-body)").forEach((other) => (other.open = other === event.target));
      event.target.nextElementSibling.querySelector("textarea, button")?.focus({ preventScroll: true });
    },
    true,
  );

  // --- time passes -----------------------------------------------------------------------------------

  // Pages that follow nothing have no words for it: there it stays as it was written.
  function showAges() {
    if (!texts.s) return;
    for (const node of all("[data-age]")) setText(node, spanText(Math.max(0, now() - Number(node.dataset.age))));
  }

  // --- what changed ----------------------------------------------------------------------------------

  const isBusy = (item) => item.matches(":active") || item.querySelector(".act[open] + .act-body") || hasNote(item);
  // What was just done is read before it leaves.
  const isRead = (item) => Date.now() - Number(item.dataset.doneAt || 0) < DONE_STAYS_MS;

  let listed = null;

  function takeList(news) {
    const fresh = news.getElementById("attention");
    if (!fresh) return;
    const here = document.getElementById("attention");
    for (const part of [".warning", ".shows", "[data-empty]"]) replaceParts(here, fresh, part);
    const come = all("[data-items] > .attention-item", fresh);
    const ids = new Set(come.map((item) => item.id));
    listed = ids;
    let before = null;
    for (const item of come) {
      const shown = takeItem(document.adoptNode(item));
      let place = before ? before.nextElementSibling : list().firstElementChild;
      // What stays to be read keeps its place.
      while (place && !ids.has(place.id)) place = place.nextElementSibling;
      if (place !== shown && !shown.contains(document.activeElement)) list().insertBefore(shown, place);
      before = shown;
    }
    sweep();
    showAges();
    showClock();
  }

  // Also later: what is read, or filled in, outlives the answer that leaves it out.
  function sweep() {
    if (!listed) return;
    for (const item of items()) if (!listed.has(item.id) && !isBusy(item) && !isRead(item)) leave(item);
    document.querySelector(".attention [data-empty]").hidden = items().length > 0;
  }

  function replaceParts(here, fresh, selector) {
    const [old, come] = [all(`:scope > ${selector}`, here), all(`:scope > ${selector}`, fresh)];
    if (old.map(bare).join() === come.map(bare).join()) return;
    const focused = old.some((one) => one.contains(document.activeElement)) ? document.activeElement.href : "";
    old.forEach((one) => one.remove());
    for (const one of come) here.insertBefore(document.adoptNode(one), one.matches("[data-empty]") ? null : list());
    if (focused) all(`:scope > ${selector} a`, here).find((link) => link.href === focused)?.focus({ preventScroll: true });
  }

  function takeItem(item) {
    const old = document.getElementById(item.id);
    if (!old) {
      list().append(item);
      htmx.process(item);
      return item;
    }
    if (isBusy(old) || isRead(old) || bareItem(old) === bareItem(item)) return old;
    const isFocused = old.contains(document.activeElement);
    all("details[id]", item).forEach((one) => (one.open = Boolean(document.getElementById(one.id)?.open)));
    if (old.classList.contains("is-current")) item.classList.add("is-current");
    old.replaceWith(item);
    htmx.process(item);
    if (isFocused) item.focus({ preventScroll: true });
    return item;
  }

  function leave(item) {
    const isFocused = item.contains(document.activeElement);
    const neighbour = item.nextElementSibling || item.previousElementSibling;
    item.remove();
    if (isFocused && neighbour) choose(neighbour);
    else if (isFocused) document.getElementById("main").focus({ preventScroll: true });
  }

  // What the script itself writes is no difference.
  function bareItem(item) {
    const copy = item.cloneNode(true);
    copy.className = copy.className.replace(" is-current", "");
    copy.removeAttribute("data-done");
    copy.removeAttribute("data-done-at");
    all("[data-age], [data-clock]", copy).forEach((node) => (node.textContent = ""));
    all("details", copy).forEach((one) => (one.open = false));
    all("[name=next]", copy).forEach((one) => one.removeAttribute("value"));
    all("[data-problem]", copy).forEach((one) => one.remove());
    all("[class='']", copy).forEach((one) => one.removeAttribute("class"));
    return bare(copy).replace(/\s+/g, " ");
  }

  // --- keyboard --------------------------------------------------------------------------------------

  const inHand = () => document.activeElement?.closest?.(".attention-item") || document.querySelector(".attention-item.is-current");

  function choose(item) {
    all(".attention-item.is-current").forEach((other) => other.classList.remove("is-current"));
    item.classList.add("is-current");
    item.focus();
  }

  function move(by) {
    const every = items();
    if (!every.length) return;
    const here = every.indexOf(inHand());
    choose(every[here < 0 ? 0 : Math.max(0, Math.min(every.length - 1, here + by))]);
  }

  function press(...names) {
    const item = inHand();
    const button = item && names.map((name) => item.querySelector(`[data-act="${name}"]`)).find(Boolean);
    button?.click();
  }

  function closeAll() {
    const open = document.querySelector("[data-items] > .attention-item .act[open]:has(+ .act-body)");
    if (open) {
      open.open = false;
      choose(open.closest(".attention-item"));
    } else if (!closeForm()) {
      closeOrder();
      if (document.activeElement === body || document.activeElement.id === "main") document.querySelector(".attention-item.is-current")?.focus();
    }
  }

  function toggleHistory() {
    const history = inHand()?.querySelector(".attention-history");
    if (history) history.open = !history.open;
  }

  const OWN_KEYS = {
    j: () => move(1),
    о: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    л: () => move(-1),
    ArrowUp: () => move(-1),
    Enter: () => inHand()?.querySelector("[data-step]")?.click(),
    t: () => press("take", "release"),
    е: () => press("take", "release"),
    z: () => press("snooze", "reopen"),
    я: () => press("snooze", "reopen"),
    r: () => press("resolve", "reopen"),
    к: () => press("resolve", "reopen"),
    h: toggleHistory,
    р: toggleHistory,
    "?": () => document.getElementById("keys").showModal(),
    Escape: closeAll,
  };

  if ("attention" in body.dataset) {
    Object.assign(LIVE, { keys: OWN_KEYS, news: takeList, count: () => setTitle(texts.title) });
    follow();
  }
  showAges();
  setInterval(() => {
    showAges();
    sweep();
  }, 1000);
}
