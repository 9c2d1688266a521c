// The frame of every page, and the board: cards in columns, the order beside them, keys, sound.
"use strict";

const isBoard = "board" in body.dataset;

// --- frame -------------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
  localStorage.setItem(THEME_KEY, JSON.stringify(isDark() ? "light" : "dark"));
  showTheme();
});

function showClock() {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  for (const clock of all("[data-clock]")) {
    let words;
    try {
      words = new Date().toLocaleTimeString(document.documentElement.lang, { ...options, timeZone: clock.dataset.clock });
    } catch {
      // A zone that this browser does not know: better none than a wrong one.
      words = "";
    }
    setText(clock, words);
  }
}

// --- the board ---------------------------------------------------------------------------------------

function place(card) {
  const column = document.querySelector(`.column[data-name="${card.dataset.column}"]`);
  const { unfolds } = card.dataset;
  const list = column.querySelector(unfolds && Number(unfolds) > now() ? "[data-folded]" : "[data-cards]");
  insert(card, list);
}

function count() {
  let open = 0;
  let late = 0;
  for (const column of all(".column")) {
    const cards = all("[data-cards] > .card", column);
    const folded = all("[data-folded] > .card", column).length;
    all(`[data-count="${column.dataset.name}"]`).forEach((node) => setText(node, String(cards.length)));
    setText(column.querySelector("[data-folded-count]"), String(folded));
    column.querySelector(".folded").hidden = !folded;
    column.querySelector(".empty").hidden = cards.length > 0;
    open += folded + cards.filter((card) => !card.dataset.leaves).length;
    late += cards.filter((card) => card.classList.contains("is-late")).length;
  }
  setTitle(plural(texts.orders, open).replace("%(open)s", open), late);
}

function takeNews() {
  ring();
  showTicks();
}

if (isBoard) Object.assign(LIVE, { place, count, news: takeNews, chosen: (card) => openOrder(card.dataset.id) });

// --- sound -------------------------------------------------------------------------------------------

let audio = null;
let rangAt = 0;
const rung = new Set();

function beep(pitch) {
  // Browsers give no sound before the page was touched; until then the card and the title tell it.
  if (!navigator.userActivation?.hasBeenActive) return;
  audio ||= new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0.2, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.6);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.6);
  body.dataset.rang = String(Number(body.dataset.rang || 0) + 1);
}

function ring() {
  const sound = body.dataset.sound;
  if (sound === "off") return;
  const fresh = all(".card[data-new]");
  const first = fresh.filter((card) => !rung.has("new" + card.dataset.id));
  const goneWrong = all(".card.is-late, .card:has(.mark.is-bad, .outcome.is-refused)").filter((card) => !rung.has("bad" + card.dataset.id));
  first.forEach((card) => rung.add("new" + card.dataset.id));
  goneWrong.forEach((card) => rung.add("bad" + card.dataset.id));
  if (first.length || (sound === "until_seen" && fresh.length && Date.now() - rangAt > 5000)) {
    rangAt = Date.now();
    beep(880);
  } else if (goneWrong.length) beep(440);
}

async function markSeen(card) {
  if (!("new" in card.dataset)) return;
  try {
    const answer = await post(`${orderUrl(card.dataset.id)}/seen`);
    if (answer.ok) delete card.dataset.new;
  } catch {
    // The hub does not know it: it rings on, and the next look tries again.
  }
}

// --- the next step -----------------------------------------------------------------------------------

async function takeNextStep(card) {
  const button = card.querySelector("[data-next]");
  if (!button) {
    if (card.querySelector("a.card-next")) chooseCourier([card.dataset.id]);
    return;
  }
  if (button.disabled) return;
  button.disabled = true;
  clearRefusal(card);
  const { id } = card.dataset;
  let words = texts.no_answer;
  try {
    const answer = await post(`${orderUrl(id)}/next`, { status: button.dataset.next });
    if (answer.ok) {
      take(await answer.text());
      return;
    }
    if ([400, 409].includes(answer.status)) words = await answer.text();
    else if (answer.status === 403) words = texts.forbidden;
  } catch {
    // No answer: nothing is known, and the words say so. Pressing again asks once.
  }
  button.disabled = false;
  // News may have put another card in its place meanwhile.
  refuseOrder(id, words);
}

// --- drawer ------------------------------------------------------------------------------------------

const drawer = document.getElementById("drawer");
let cameFrom = null;
let opener = null;

// With the form of an action, if one is named (panel.js).
let opened = 0;

async function openOrder(id, action = "") {
  const mine = ++opened;
  if (!drawer.contains(document.activeElement)) opener = document.activeElement;
  let panel = null;
  let wasRedirected = false;
  try {
    const answer = await fetch(orderUrl(id) + (action && `/actions/${action}`), { headers: { "HX-Request": "true" }, credentials: "same-origin" });
    panel = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".panel");
    wasRedirected = answer.redirected;
  } catch {
    // No answer: said below.
  }
  if (mine !== opened) return;
  const card = document.getElementById(`order-${id}`);
  if (!panel) {
    // The page of the order says why there is no panel, and leads to the sign-in.
    if (wasRedirected) signOut();
    if (card) refuse(card, texts.no_answer);
    else location.assign(orderUrl(id));
    return;
  }
  drawer.replaceChildren(document.adoptNode(panel));
  htmx.process(drawer);
  if (card) markSeen(card);
  cameFrom = id;
  drawer.dataset.order = id;
  const isFirst = drawer.hidden;
  drawer.hidden = false;
  body.classList.add("has-drawer");
  focusPanel();
  // The browser's way back closes the panel: one step, however many orders were looked at in it.
  if (namedOrder() === String(id)) return;
  if (isFirst) history.pushState({ hasPanel: true }, "", `#order-${id}`);
  else history.replaceState(history.state, "", `#order-${id}`);
}

const namedOrder = () => location.hash.match(/^#order-(\d+)$/)?.[1];

function closeOrder() {
  opened += 1; // what is still asked for stays closed
  if (!drawer || drawer.hidden) return;
  drawer.hidden = true;
  drawer.replaceChildren();
  body.classList.remove("has-drawer");
  if (history.state?.hasPanel) history.back();
  else history.replaceState({}, "", location.pathname + location.search);
  const card = document.getElementById(`order-${cameFrom}`);
  if (card) focusCard(card);
  // News may have put another link in its place meanwhile.
  else if (opener?.isConnected && opener !== body) opener.focus();
  // The order left the page while it was looked at.
  else (document.querySelector(`main [data-panel="${cameFrom}"]`) || document.getElementById("main")).focus({ preventScroll: true });
}

if (isLive) {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      closeOrder();
      return;
    }
    const step = event.target.closest(".card-next");
    if (step) {
      event.preventDefault();
      takeNextStep(step.closest(".card"));
      return;
    }
    const link = event.target.closest("[data-panel]");
    const card = event.target.closest(".card");
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link) {
      event.preventDefault();
      openOrder(link.dataset.panel);
    } else if (card && !event.target.closest("button, input, label, summary, a:not(.card-number)")) {
      event.preventDefault();
      focusCard(card);
      LIVE.chosen(card);
    }
  });
}

// --- keyboard ----------------------------------------------------------------------------------------

const current = () => document.activeElement?.closest?.(".card") || document.querySelector(".card.is-current");

function focusCard(card, isScrolled = true) {
  all(".card.is-current").forEach((other) => other !== card && other.classList.remove("is-current"));
  card.classList.add("is-current");
  card.tabIndex = -1;
  card.focus({ preventScroll: !isScrolled });
}

function visibleCards(column) {
  return all("[data-cards] > .card", column).filter((card) => card.offsetParent);
}

function step(by) {
  const card = current();
  const column = card?.closest(".column") || all(".column").find((one) => visibleCards(one).length);
  if (!column) return;
  const cards = visibleCards(column);
  const place = card ? cards.indexOf(card) + by : 0;
  const target = cards[Math.max(0, Math.min(cards.length - 1, place))];
  if (target) focusCard(target);
}

function sideways(by) {
  const columns = all(".column").filter((one) => visibleCards(one).length);
  const here = columns.indexOf(current()?.closest(".column"));
  const column = columns[Math.max(0, Math.min(columns.length - 1, here + by))];
  const top = current()?.getBoundingClientRect().top || 0;
  if (!column) return;
  const nearest = visibleCards(column).reduce((best, card) =>
    Math.abs(card.getBoundingClientRect().top - top) < Math.abs(best.getBoundingClientRect().top - top) ? card : best);
  focusCard(nearest);
}

const inHand = () => (ticked.size ? [...ticked] : current() ? [current().dataset.id] : []);

function openAction(slug) {
  const card = current();
  if (card && body.dataset.acts.split(" ").includes(slug)) openOrder(card.dataset.id, slug);
}

const KEYS = {
  j: () => step(1),
  о: () => step(1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  л: () => step(-1),
  ArrowUp: () => step(-1),
  ArrowLeft: () => sideways(-1),
  ArrowRight: () => sideways(1),
  Enter: () => current() && openOrder(current().dataset.id),
  s: () => current() && takeNextStep(current()),
  ы: () => current() && takeNextStep(current()),
  c: () => chooseCourier(inHand()),
  с: () => chooseCourier(inHand()),
  " ": () => current() && toggleTick(current()),
  x: () => openAction("cancel"),
  ч: () => openAction("cancel"),
  "?": () => document.getElementById("keys").showModal(),
  Escape: () => {
    if (closeForm()) return;
    if (drawer.hidden) clearTicks();
    closeOrder(); // an order that is still asked for, too
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input:not([type=checkbox]), select, textarea");
  if ((event.key === "/" || (event.code === "Slash" && event.key === ".")) && !isTyping) {
    event.preventDefault();
    document.getElementById("search")?.focus();
    return;
  }
  if (!isLive || (isTyping && event.key !== "Escape")) return;
  if ([" ", "Enter"].includes(event.key) && event.target.closest("a, button, summary, input")) return;
  if (drawer && !drawer.hidden && drawer.contains(event.target) && event.key !== "Escape") return;
  // The key of "?" gives a comma in Russian.
  const key = event.code === "Slash" && event.key === "," ? "?" : event.key;
  const act = (LIVE.keys || KEYS)[key.length === 1 ? key.toLowerCase() : key];
  if (!act) return;
  event.preventDefault();
  act();
});

// --- tabs of the phone -------------------------------------------------------------------------------

function chooseTab(name) {
  for (const tab of all("[data-tab]")) {
    const isChosen = tab.dataset.tab === name;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
  }
  all(".column").forEach((column) => column.classList.toggle("is-chosen", column.dataset.name === name));
}

all("[data-tab]").forEach((tab) => tab.addEventListener("click", () => chooseTab(tab.dataset.tab)));

// As tabs are used everywhere; the cards have these keys while none of them has the focus.
document.querySelector("[role=tablist]")?.addEventListener("keydown", (event) => {
  const tabs = all("[data-tab]");
  const here = tabs.indexOf(event.target);
  const last = tabs.length - 1;
  const there = { ArrowLeft: here ? here - 1 : last, ArrowRight: here < last ? here + 1 : 0, Home: 0, End: last }[event.key];
  if (here < 0 || there === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  chooseTab(tabs[there].dataset.tab);
  tabs[there].focus();
});

function chooseFilledTab() {
  const filled = all(".column").find((column) => column.querySelector("[data-cards] > .card"));
  if (filled) chooseTab(filled.dataset.name);
}

showClock();
setInterval(showClock, 1000);
if (isBoard) {
  chooseFilledTab();
  setInterval(ring, 1000);
  follow();
}
if (isLive) {
  if (namedOrder()) openOrder(namedOrder());
  window.addEventListener("popstate", () => {
    const id = namedOrder();
    if (id && (drawer.hidden || drawer.dataset.order !== id)) openOrder(id);
    else if (!location.hash) closeOrder();
  });
}
