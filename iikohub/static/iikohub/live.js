// Pages that show what arrives by themselves, and say so when they cannot.
"use strict";

(function () {
  const LOOK_MS = 1000;
  const EVERY_LOOKS = 5;
  const SIGNED_OUT_LOOKS = 30; // somebody may sign in again in another tab
  const ANSWER_LOOKS = 8; // no answer for so long is told
  const ANSWER_MS = 20000;
  // Nobody did anything: such a question does not keep the session alive.
  const WATCHING = { "X-Watching": "1" };

  function reloadUnasked() {
    document.cookie = "watching=1; max-age=5; path=/; samesite=lax";
    window.location.reload();
  }

  // --- pages that keep themselves fresh ------------------------------------------------------------
  //
  // <label data-live="name" data-live-target="#id, #other"> holds a checkbox. While it is ticked and the page
  // is in front, the same address is fetched again and the content of the targets replaced. A list with
  // data-live-rows asks that address instead, which answers the rows that changed, or 204 for none. With
  // data-live-reload the whole page is loaded again, because its rows carry listeners of their own.
  // Whatever keeps it from being fresh is written beside the box: off, paused and why, no connection and
  // since when, signed out and the way back. What it shows is grey while it is old.

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

  // The hub could not answer: what the page shows is as good as before.
  class NoAnswer extends Error {}

  const failed = (status) => (status >= 500 ? new NoAnswer(String(status)) : new Error(String(status)));

  // --- a whole page --------------------------------------------------------------------------------

  // The same page as it is now.
  async function fetchPage(loginPath) {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(window.location.href, { credentials: "same-origin", signal, headers: WATCHING });
    if (answer.redirected && new URL(answer.url).pathname === loginPath) throw new SignedOut();
    if (!answer.ok || answer.redirected) throw failed(answer.status);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  // Returns what puts the news into the targets.
  async function newsOfPage(loginPath, targets) {
    return puttingPage(await fetchPage(loginPath), targets);
  }

  function puttingPage(page, targets) {
    const fresh = targets.map((target) => page.getElementById(target.id));
    if (!targets.length || fresh.includes(null)) throw new Error("not the same page");
    return () => targets.forEach((target, index) => replace(target, fresh[index]));
  }

  // --- rows of a list ------------------------------------------------------------------------------

  const STATE = "X-List-State";
  const READING = "X-List-Reading";
  const STRIPE = ["bg-base-50", "dark:bg-white/[.02]"];
  // Of the rows on this page: the count's checksum, then id:checksum of each; and what they were read as.
  const shown = { state: "", reading: "" };
  const keysOf = (state) => state.split(" ").slice(1).map((pair) => pair.split(":")[0]);
  let clockShift = 0; // the server's clock against ours, in seconds

  // Returns what puts the news into the list; nothing: there is none.
  async function newsOfRows(address, loginPath, targets) {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const headers = { ...WATCHING, [STATE]: shown.state, [READING]: shown.reading };
    const answer = await fetch(address, { credentials: "same-origin", signal, headers });
    if (answer.status === 401) throw new SignedOut();
    if (!answer.ok) throw failed(answer.status);
    const date = Date.parse(answer.headers.get("Date"));
    if (date) clockShift = Math.abs(date - Date.now()) > 2000 ? (date - Date.now()) / 1000 : 0;
    const reading = answer.headers.get(READING);
    if (answer.status === 204) {
      shown.reading = reading;
      return null;
    }
    if (answer.status === 205) {
      const page = await fetchPage(loginPath);
      const put = puttingPage(page, targets);
      return () => {
        put();
        takeState(page.querySelector("[data-live-state]").dataset.liveState);
      };
    }
    const table = document.getElementById("result_list");
    const state = answer.headers.get(STATE);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    return () => {
      if (table) putRows(table, fresh, keysOf(state));
      document.getElementById("hub-count").replaceWith(fresh.getElementById("hub-count"));
      Object.assign(shown, { state, reading });
    };
  }

  // Names the rows of the page as the server does.
  function takeState(state) {
    const bodies = document.getElementById("result_list")?.tBodies || [];
    const keys = keysOf(state);
    [...bodies].forEach((body, index) => (body.dataset.row = keys[index]));
    Object.assign(shown, { state, reading: "" });
  }

  function putRows(table, fresh, keys) {
    const old = new Map([...table.tBodies].map((body) => [body.dataset.row, body]));
    const news = new Map([...fresh.querySelectorAll("tbody")].map((body) => [body.dataset.row, body]));
    const wanted = keys.map((key) => news.get(key) || old.get(key));
    if (wanted.includes(undefined)) throw new Error("a row is missing");
    const focused = table.contains(document.activeElement) ? placeOf(document.activeElement) : "";
    let at = table.tBodies[0] || null;
    wanted.forEach((body, index) => {
      const before = old.get(body.dataset.row);
      if (!before) body.querySelector("tr").classList.add("hub-new");
      else if (markOf(before) !== markOf(body)) body.querySelector("tr").classList.add("hub-changed");
      STRIPE.forEach((name) => body.classList.toggle(name, index % 2 === 1));
      if (body === at) at = at.nextElementSibling;
      else table.insertBefore(document.adoptNode(body), at);
    });
    while (at) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
    table.dispatchEvent(new CustomEvent("hub:rows", { bubbles: true }));
    if (focused && document.activeElement === document.body) table.querySelector(focused)?.focus({ preventScroll: true });
  }

  // Ages go on without the server.
  function countAges(texts) {
    const now = Date.now() / 1000 + clockShift;
    document.querySelectorAll("[data-ago]").forEach((node) => {
      const seconds = Math.max(0, now - Number(node.dataset.ago));
      const [unit, size] = seconds < 60 ? ["s", 1] : seconds < 3600 ? ["min", 60] : seconds < 172800 ? ["h", 3600] : ["d", 86400];
      const words = texts.ago.replace("%(span)s", texts[unit].replace("%(count)d", Math.floor(seconds / size)));
      if (node.textContent !== words) node.textContent = words;
    });
  }

  // --- the switch ----------------------------------------------------------------------------------

  function start(label) {
    const { live, liveTarget, liveLogin, liveOff, liveTicked, liveBusy, liveLost, liveFresh, liveRows } = label.dataset;
    const spans = JSON.parse(label.dataset.liveSpans || "null");
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
      return failure || isSlow ? ["lost", `${liveLost} ${lastNews}`] : ["on", `${liveFresh} ${lastNews}`];
    }

    function show() {
      const [name, words] = state();
      label.dataset.state = name;
      // The clock of good news is not read out every few seconds.
      note.setAttribute("aria-live", name === "on" ? "off" : "polite");
      if (note.textContent !== words) note.textContent = words;
      way.hidden = name !== "out";
      targets().forEach((target) => target.classList.toggle("hub-stale", name === "lost" || name === "out"));
      return name;
    }

    async function refresh() {
      looksSinceTry = 0;
      isFetching = true;
      try {
        const found = targets();
        const put = await (liveRows ? newsOfRows(liveRows, liveLogin, found) : newsOfPage(liveLogin, found));
        failure = "";
        lastNews = clockNow();
        if (!put || !box.checked || whyPaused(found)) return;
        if ("liveReload" in label.dataset) reloadUnasked();
        else put();
      } catch (error) {
        failure = error instanceof SignedOut ? "out" : "lost";
        const isUntold = error instanceof SignedOut || error instanceof NoAnswer || ["TypeError", "TimeoutError"].includes(error.name);
        if (!isUntold) shown.state = "";
      } finally {
        isFetching = false;
        show();
      }
    }

    function look({ atOnce = false } = {}) {
      looksSinceTry += 1;
      if (spans) countAges(spans);
      const name = show();
      const isDue = atOnce || looksSinceTry >= (failure === "out" ? SIGNED_OUT_LOOKS : EVERY_LOOKS);
      if (isDue && !isFetching && !document.hidden && name !== "off" && name !== "paused") refresh();
    }

    box.addEventListener("change", () => {
      localStorage.setItem(memory, box.checked ? "1" : "0");
      look({ atOnce: true });
    });
    if (liveRows) takeState(label.dataset.liveState);
    way.href = `${liveLogin}?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
    document.addEventListener("visibilitychange", () => look({ atOnce: true }));
    document.addEventListener("change", (event) => {
      // A frame later: Unfold ticks the others of "select all" in a listener of its own.
      if (event.target.matches?.("input.action-select, .action-toggle")) requestAnimationFrame(() => look());
    });
    show();
    window.setInterval(look, LOOK_MS);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-live]").forEach(start));
})();
