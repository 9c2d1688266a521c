// The board follows the orders: it asks for what changed, moves cards as time passes, and rings.
"use strict";

const body = document.body;
const isBoard = "board" in body.dataset;
const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");
const csrf = () => document.querySelector("[name=csrfmiddlewaretoken]").value;
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const orderUrl = (id) => body.dataset.order.replace(/0$/, id);

// --- frame -------------------------------------------------------------------------------------------

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
document.querySelector("[data-theme-switch]")?.addEventListener("click", () => {
  localStorage.setItem(THEME_KEY, JSON.stringify(isDark() ? "light" : "dark"));
  showTheme();
});

function showClock() {
  const options = { hour: "2-digit", minute: "2-digit" };
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

// --- time passes -------------------------------------------------------------------------------------

// The server's clock: the machine in front of the operator may be wrong by minutes.
let clockShift = 0;
const now = () => Date.now() / 1000 + clockShift;

function spanText(seconds) {
  const [unit, size] = seconds < 60 ? ["s", 1] : seconds < 3600 ? ["min", 60] : seconds < 172800 ? ["h", 3600] : ["d", 86400];
  return texts[unit].replace("%(count)d", Math.floor(seconds / size));
}

function dueText(due) {
  const left = due - now();
  return left < 0 ? "\u2212" + spanText(-left) : texts.in.replace("%(span)s", spanText(left));
}

function age(card) {
  const { due, risk, leaves, unfolds } = card.dataset;
  if (leaves) {
    if (Number(leaves) <= now() && !isHeld(card)) card.remove();
    return;
  }
  const isLate = due && Number(due) < now();
  card.classList.toggle("is-late", Boolean(isLate));
  card.classList.toggle("is-at-risk", Boolean(!isLate && risk && Number(risk) <= now()));
  const tick = card.querySelector("[data-tick]");
  if (tick && due) setText(tick, dueText(Number(due)));
  const without = card.querySelector("[data-since]");
  if (without) setText(without, texts.no_courier.replace("%(span)s", spanText(Math.max(0, now() - Number(without.dataset.since)))));
  if (unfolds && Number(unfolds) <= now() && card.closest("[data-folded]")) place(card);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// --- the board ---------------------------------------------------------------------------------------

const sortKey = (card) => [Number(card.dataset.due || Infinity), Number(card.dataset.id)];
const isBefore = (one, other) => one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);

function place(card) {
  const column = document.querySelector(`.column[data-name="${card.dataset.column}"]`);
  const { unfolds } = card.dataset;
  const list = column.querySelector(unfolds && Number(unfolds) > now() ? "[data-folded]" : "[data-cards]");
  const key = sortKey(card);
  const next = all(":scope > .card", list).find((other) => other !== card && isBefore(key, sortKey(other)));
  list.insertBefore(card, next || null);
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
  document.title = (late ? `(${late}!) ` : "") + plural(texts.orders, open).replace("%(open)s", open);
}

function plural(forms, number) {
  return forms[new Intl.PluralRules(document.documentElement.lang).select(number)] || forms.other;
}

function tick() {
  all(".card").forEach(age);
  count();
  showClock();
}

// The card in hand is never replaced: what came for it waits until it is let go.
const waiting = new Map();
let pressed = null;
const isHeld = (card) => card === pressed || (card.contains(document.activeElement) && card !== document.activeElement && document.activeElement.matches("input, select, textarea"));

function apply(id, fresh) {
  const old = document.getElementById(`order-${id}`);
  if (old && isHeld(old)) {
    waiting.set(id, fresh);
    return;
  }
  const hadFocus = old && old.contains(document.activeElement);
  if (!fresh) {
    if (hadFocus) step(1);
    old?.remove();
    return;
  }
  if (old) old.replaceWith(fresh);
  place(fresh);
  age(fresh);
  fresh.tabIndex = -1;
  if (hadFocus) focusCard(fresh, false);
  if (drawer?.dataset.order === String(id) && !drawer.hidden) refreshPanel();
}

document.addEventListener("pointerdown", (event) => (pressed = event.target.closest(".card")));
document.addEventListener("pointerup", () => {
  pressed = null;
  for (const [id, fresh] of waiting) apply(id, fresh);
  waiting.clear();
});

// --- what changed ------------------------------------------------------------------------------------

const NEWS_EVERY_MS = 2000;
const NEWS_HIDDEN_MS = 10000;
const STALE_AFTER_MS = 15000;
let next = body.dataset.next;
let state = body.dataset.state;
let heardAt = Date.now();
let isSignedOut = false;

async function ask() {
  const query = new URLSearchParams({ since: next, state });
  try {
    const answer = await fetch(`${body.dataset.changes}?${query}`, { credentials: "same-origin", signal: AbortSignal.timeout(12000) });
    if (answer.status === 401 || answer.status === 403) {
      isSignedOut = answer.status === 401;
      show(isSignedOut ? texts.signed_out : texts.forbidden, isSignedOut ? body.dataset.signIn : "");
    } else if (answer.ok) {
      heardAt = Date.now();
      const date = Date.parse(answer.headers.get("Date"));
      if (date) clockShift = Math.abs(date - Date.now()) > 2000 ? (date - Date.now()) / 1000 : 0;
      if (answer.status === 200) take(await answer.text());
      next = answer.headers.get("X-Board-Next");
      state = answer.headers.get("X-Board-State");
    }
  } catch {
    // No answer: the line below tells it once it lasts.
  }
  showStale();
  if (!isSignedOut) setTimeout(ask, document.hidden ? NEWS_HIDDEN_MS : NEWS_EVERY_MS);
}

function take(html) {
  const news = new DOMParser().parseFromString(html, "text/html");
  const above = news.getElementById("restaurants");
  const old = document.getElementById("restaurants");
  if (above) {
    old.replaceWith(document.adoptNode(above));
    showClock();
  }
  for (const card of all(".card", news)) apply(Number(card.dataset.id), document.adoptNode(card));
  const gone = news.querySelector("[data-gone]")?.dataset.gone || "";
  for (const id of gone.split(" ").filter(Boolean)) apply(Number(id), null);
  count();
  ring();
}

function showStale() {
  const isStale = Date.now() - heardAt > STALE_AFTER_MS;
  body.classList.toggle("is-stale", isStale || isSignedOut);
  if (isSignedOut) return;
  if (isStale) show(texts.stale.replace("%(time)s", new Date(heardAt).toLocaleTimeString(document.documentElement.lang)));
  else show("");
}

function show(words, url = "") {
  const notice = document.getElementById("notice");
  notice.hidden = !words;
  if (notice.dataset.words === words) return;
  notice.dataset.words = words;
  notice.textContent = words;
  if (url) {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: texts.sign_in });
    notice.append(" ", link);
  }
}

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
  const goneWrong = all(".card.is-late, .card:has(.mark.is-bad)").filter((card) => !rung.has("bad" + card.dataset.id));
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
    const answer = await fetch(`${orderUrl(card.dataset.id)}/seen`, { method: "POST", headers: { "X-CSRFToken": csrf() } });
    if (answer.ok) delete card.dataset.new;
  } catch {
    // The hub does not know it: it rings on, and the next look tries again.
  }
}

// --- the next step -----------------------------------------------------------------------------------

async function takeNextStep(card) {
  const button = card.querySelector("[data-next]");
  if (!button) {
    card.querySelector("a.card-next")?.click();
    return;
  }
  if (button.disabled) return;
  button.disabled = true;
  const { id } = card.dataset;
  let words = texts.no_answer;
  try {
    const form = new URLSearchParams({ status: button.dataset.next });
    const answer = await fetch(`${orderUrl(id)}/next`, { method: "POST", body: form, headers: { "X-CSRFToken": csrf() } });
    if (answer.ok) {
      take(await answer.text());
      return;
    }
    words = answer.status === 409 ? await answer.text() : texts.forbidden;
  } catch {
    // No answer: nothing is known, and the words say so. Pressing again asks once.
  }
  button.disabled = false;
  card.querySelector(".card-refusal")?.remove();
  card.append(Object.assign(document.createElement("p"), { className: "card-refusal", role: "alert", textContent: words }));
}

// --- drawer ------------------------------------------------------------------------------------------

const drawer = document.getElementById("drawer");
let cameFrom = null;

// With the form of an action, if one is named (panel.js).
async function openOrder(id, action = "") {
  await htmx.ajax("GET", orderUrl(id) + (action && `/actions/${action}`), { target: "#drawer", swap: "innerHTML" });
  const card = document.getElementById(`order-${id}`);
  if (card) markSeen(card);
  cameFrom = id;
  drawer.dataset.order = id;
  drawer.hidden = false;
  body.classList.add("has-drawer");
  focusPanel();
  history.replaceState({}, "", `#order-${id}`);
}

function closeOrder() {
  if (!drawer || drawer.hidden) return;
  drawer.hidden = true;
  drawer.replaceChildren();
  body.classList.remove("has-drawer");
  history.replaceState({}, "", location.pathname);
  const card = document.getElementById(`order-${cameFrom}`);
  if (card) focusCard(card);
}

if (isBoard) {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      closeOrder();
      return;
    }
    const step = event.target.closest("button.card-next");
    if (step) {
      takeNextStep(step.closest(".card"));
      return;
    }
    const link = event.target.closest("[data-panel]");
    const card = event.target.closest(".card");
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link) {
      event.preventDefault();
      openOrder(link.dataset.panel, link.dataset.action);
    } else if (card && !event.target.closest("button, input, summary, a:not(.card-number)")) {
      event.preventDefault();
      focusCard(card);
      openOrder(card.dataset.id);
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
  c: () => openAction("courier"),
  с: () => openAction("courier"),
  x: () => openAction("cancel"),
  ч: () => openAction("cancel"),
  "?": () => document.getElementById("keys").showModal(),
  Escape: () => closeForm() || closeOrder(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    document.getElementById("search").focus();
    return;
  }
  if (!isBoard || (isTyping && event.key !== "Escape")) return;
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (drawer && !drawer.hidden && drawer.contains(event.target) && event.key !== "Escape") return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// --- tabs of the phone -------------------------------------------------------------------------------

function chooseTab(name) {
  all("[data-tab]").forEach((tab) => tab.setAttribute("aria-selected", String(tab.dataset.tab === name)));
  all(".column").forEach((column) => column.classList.toggle("is-chosen", column.dataset.name === name));
}

all("[data-tab]").forEach((tab) => tab.addEventListener("click", () => chooseTab(tab.dataset.tab)));

showClock();
if (isBoard) {
  all(".card").forEach((card) => (card.tabIndex = -1));
  tick();
  const filled = all(".column").find((column) => column.querySelector("[data-cards] > .card"));
  if (filled) chooseTab(filled.dataset.name);
  setInterval(tick, 1000);
  setInterval(ring, 1000);
  setTimeout(ask, NEWS_EVERY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
  const named = location.hash.match(/^#order-(\d+)$/);
  if (named) openOrder(named[1]);
} else {
  setInterval(showClock, 10000);
}
